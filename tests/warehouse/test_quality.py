"""The quality checkpoint on built warehouses: planted faults by name and key, what stops, and who answers for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from settle.build import build
from settle.cli import app
from settle.commands import run as run_command
from settle.explain.rows import Reader
from settle.quality.start import check_batches, docs_folder, stops
from settle.report.facts import Facts, facts_of
from settle.report.page import html_of
from settle.settings import Settings
from settle.standing import built_batch
from settle.warehouse import open_warehouse
from tests.oracle import hand
from tests.oracle.world import World
from tests.oracle.worlds import write_config
from tests.warehouse.company import emptied, isolated, shared_base
from tests.warehouse.test_oracle_agrees import load

YESTERDAY, TODAY = "2026-01-05", "2026-01-06"
# Nothing outside may be asked for: every connection but those to files fails, and is written down.
GUARD = """
import pathlib, socket
def refuse(self, address):
    with pathlib.Path({log!r}).open("a") as log:
        print(address, file=log)
    raise OSError("no network in this test")
socket.socket.connect = socket.socket.connect_ex = refuse
socket.getaddrinfo = lambda host, *rest, **more: refuse(None, host)
"""


def at(day: str, time: str = "10:00:00") -> str:
    return f"{day}T{time}+08:00"


def faulty() -> World:
    """One calm day, and one on which everything is wrong that files can bring."""
    calm = hand.batch(YESTERDAY, hand.order("CALM", "12000.00"))
    wrong = hand.batch(
        TODAY,
        hand.order("HUGE", "20000000.00", ordered_at=at(TODAY)),
        hand.order("AHEAD", "1.00", ordered_at=at("2026-01-09")),
        hand.order("OLD", "1.00", ordered_at=at("2024-06-03")),
        hand.order("TWICE1", "30.00", customer_id="K", ordered_at=at(TODAY, "11:00:00")),
        hand.order("TWICE2", "30.00", customer_id="K", ordered_at=at(TODAY, "11:00:00")),
        hand.order("STRANGE", "1.00", product_code="unknown", order_type="subscription", ordered_at=at(TODAY)),
        hand.order("FAR<i>OFF", "50000.00", channel_code="C", ordered_at=at(TODAY)),
        hand.order("ALONE", "1.00", channel_code="D", ordered_at=at(TODAY)),
        hand.payment("FAR<i>OFF", "10000.00"),
        hand.payment("", "5.00", channel_txn_no="T-NOBODY"),
        hand.payment("CALM", "7.00", channel_txn_no="T-FOREIGN", currency="XXX"),
        hand.payment("CALM", "7.00", channel_txn_no="T-AHEAD", completed_at=at("2026-01-09")),
        hand.payment("CALM", "7.00", channel_txn_no="T-DEAR", fee="3.00"),
        hand.deposit("D-AHEAD", "5.00", booked_on="2026-01-09"),
        hand.deposit("D-FOREIGN", "5.00", currency="XXX", booked_on=TODAY),
        hand.report("S-AHEAD", "CALM", "12000.00", confirmed_on="2026-01-09"),
        hand.report("S-FOREIGN", "CALM", "1.00", currency="XXX", confirmed_on=TODAY),
    )
    channels = [hand.seed("channels", channel_code=name) for name in "CD"]
    products = [hand.seed("products", product_code="P"), hand.seed("products", product_code="L", spv_code="V")]
    return World(0, "", [calm, wrong], hand.config(channels=channels, products=products))


# What no file can bring is planted into the built warehouse.
PLANTED = (
    "create table clearing.kept as from clearing.fct_clearing_details",
    """
    create or replace view clearing.fct_clearing_details as
    select * replace (
        case order_no when 'OLD' then -1 when 'TWICE2' then base_minor + 1 else fee_minor end as fee_minor,
        case when order_no <> 'TWICE1' then participant_id end as participant_id
    ) from clearing.kept
    """,
    "create table settlement.kept as from settlement.fct_payout_instructions",
    """
    create or replace view settlement.fct_payout_instructions as
    select * replace (
        case batch_id when 1 then 'unknown' else 'failed' end as status, 2 as answered_batch_id,
        case batch_id when 1 then date '2025-12-30' else batch_date end as batch_date
    ) from settlement.kept
    """,
    "update reconciliation.fct_reconciliation_totals set unexplained_minor = 1 where channel_code = 'C'",
    "update raw.payments set amount = -5 where channel_txn_no = 'T-NOBODY'",
    "update raw.load_files set rows_rejected = 1 where dataset = 'orders'",
    "update raw.load_files set rows_read = 0 where dataset = 'bank_deposits'",
)
TAMPERED = {
    "fees_of_new_business_not_negative": "rule_code R",
    "fees_name_who_owes_them": "rule_code R",
    "fees_not_above_their_base": "rule_code R",
    "totals_leave_nothing_unexplained": "relation orders_channel, channel_code C, currency CNY",
    "statement_amounts_not_negative": "channel_code C, channel_txn_no T-NOBODY",
    "few_rows_are_set_aside": "file_id 2, ",
    "files_hold_rows": "file_id 4, ",
    "payouts_are_answered": "instruction_no PAY-B1-M-20260105-",
    "payouts_do_not_fail": "instruction_no PAY-B2-M-20260106-",
}
FROM_FILES = {
    "orders_not_dated_after_their_batch": "order_no AHEAD, order_version 1",
    "orders_not_older_than_a_year": "order_no OLD, order_version 1",
    "order_amounts_plausible": "order_no HUGE, order_version 1",
    "orders_not_entered_twice": "order_no TWICE1, order_version 1; order_no TWICE2, order_version 1",
    "orders_find_their_configuration": "order_no STRANGE, order_version 1",
    "statement_lines_name_an_order": "channel_code C, channel_txn_no T-NOBODY",
    "statement_amounts_can_be_compared": "channel_code C, channel_txn_no T-FOREIGN",
    "statement_lines_not_after_their_batch": "channel_code C, channel_txn_no T-AHEAD",
    "channel_fees_plausible": "channel_code C, channel_txn_no T-DEAR",
    "deposits_not_after_their_batch": "account_no BANK, bank_ref_no D-AHEAD",
    "deposits_can_be_compared": "account_no BANK, bank_ref_no D-FOREIGN",
    "report_lines_not_after_their_batch": "spv_code V, report_kind subscription, spv_txn_no S-AHEAD",
    "report_amounts_can_be_compared": "spv_code V, report_kind subscription, spv_txn_no S-FOREIGN",
    "lines_from_spvs_have_no_error": "report_no V:in:subscription:2026-01-06, line_no 1…",
    "lines_to_spvs_have_no_error": "report_no :out:subscription:2026-01-06, line_no 1…",
    "no_large_difference_is_open": "relation orders_channel, item_key C|FAR<i>OFF…",
    "statements_have_come": "relation orders_channel, channel_code D, currency CNY",
    "bills_of_the_usual_size": "bill_no B2-M-20260106-…",
    "bills_name_an_account": "bill_no B2-M-20240603-…",
}


@dataclass(frozen=True)
class Story:
    """A warehouse with faults after `settle run`: what the command said, what it found, its pages."""

    settings: Settings
    exit_code: int
    told: str
    complained: str
    findings: dict[str, dict[str, Any]]
    asked: Path


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """`settle run` over the faulty day, built and checked once."""
    folder = shared_base(tmp_path_factory) / "quality-story"
    folder.mkdir(exist_ok=True)
    emptied(folder)
    with pytest.MonkeyPatch.context() as patch:
        settings = isolated(patch, folder)
        world = faulty()
        write_config([world], folder / "config", leave_out=["business_days", "currencies"])
        patch.setenv("SETTLE_CONFIG", str(folder / "config"))
        settings = Settings.from_environment()
        load(settings, [world], folder / "files")
        with_kinds(settings, patch)

        def built_and_tampered(here: Settings, *_: object) -> Any:
            report = build(here, None, with_tests=False, show_progress=False)
            with open_warehouse(here) as warehouse:
                for statement in PLANTED:
                    warehouse.execute(statement)
            return report

        patch.setattr(run_command, "build", built_and_tampered)
        asked = folder / "asked.txt"
        (folder / "guard").mkdir()
        (folder / "guard" / "sitecustomize.py").write_text(GUARD.format(log=str(asked)))
        patch.setenv("PYTHONPATH", f"{folder / 'guard'}:{settings.project_dir / 'scripts'}")
        patch.setenv("SETTLE_QUALITY", "on")
        result = CliRunner().invoke(app, ["run", "--json"])
        assert result.stdout, result.stderr
        said = json.loads(result.stdout)
        findings = {row["expectation_id"]: row for row in said["quality"]["findings"] if row["batch_id"] == 2}
        yield Story(settings, result.exit_code, result.stdout, result.stderr, findings, asked)


def test_a_checkpoint_names_every_planted_fault_by_its_keys(story: Story) -> None:
    wrong = {name: row["sample_keys"] for name, row in story.findings.items() if not row["held"] and name not in KINDS}
    assert sorted(wrong) == sorted({*FROM_FILES, *TAMPERED})
    for name, keys in FROM_FILES.items():
        # Where others fail as well, the planted one is among them.
        assert keys == wrong[name] or (keys.endswith("…") and keys[:-1] in wrong[name]), name
    for name, key in TAMPERED.items():
        assert key in wrong[name], name
    for row in story.findings.values():
        assert row["owner"] and row["meaning"] and row["what_to_do"]
        assert (row["failing_rows"] > 0) != row["held"]


def test_qual_stop(story: Story) -> None:
    """A failed critical expectation ends `settle run` with 4 and is named; a failed warning does not stop."""
    critical = sorted(name for name, row in story.findings.items() if not row["held"] and row["severity"] == "critical")
    assert "orders_not_dated_after_their_batch" in critical and "order_amounts_plausible" not in critical
    assert story.exit_code == 4
    assert f"Nothing may be published: {len(critical)} expectations failed that may not." in story.complained
    assert [name for name in critical if f"batch 2: {name} (" not in story.complained] == []
    assert sorted(row["expectation_id"] for row in stops(story.settings)) == critical
    with open_warehouse(story.settings, read_only=True) as warehouse:
        rows = warehouse.execute("select batch_id, count(*) from quality.rpt_data_quality group by batch_id order by 1")
    assert [row[0] for row in rows] == [1, 2] and rows[0][1] == rows[1][1] == len(story.findings)


def test_the_pages_of_the_checkpoint_show_what_failed_and_fetch_nothing(story: Story) -> None:
    folder = docs_folder(story.settings) / "batch-2"
    pages = {page.relative_to(folder).as_posix(): page.read_text(encoding="utf-8") for page in folder.rglob("*.html")}
    assert re.findall(r">\s*(\w+)\s*</a></td>", pages["index.html"]).count("open_items")
    shown = "\n".join(pages.values())
    for name, row in story.findings.items():
        if not row["held"]:
            assert row["meaning"] in shown, name
    assert "FAR<i>OFF" not in shown
    assert not re.search(r"https?://|<script|<img", shown)
    assert not story.asked.exists(), story.asked.read_text()


def test_the_report_names_every_finding_with_owner_and_what_to_do(story: Story, tmp_path: Path) -> None:
    file = tmp_path / "page" / "report.html"
    result = CliRunner().invoke(app, ["report", "--batch-date", TODAY, "--to", str(file)])
    assert result.exit_code == 0, result.stderr
    page = file.read_text(encoding="utf-8")
    told = unescape(page)
    assert "Stop: nothing may be paid or published" in page
    for name, row in story.findings.items():
        assert name.replace("_", " ") in page and row["meaning"] in told
        if not row["held"]:
            assert row["what_to_do"] in told and row["owner"] in told and row["sample_keys"] in told, name
    link = re.search(r'href="([^"]*index\.html)"', page)
    assert link is not None and (file.parent / link.group(1)).resolve().is_file()
    assert "FAR<i>OFF" not in page and page.count("<svg") == 6
    # 20,000,000 + 50,000 + twice 30 + four times 1.
    assert re.search(r"Orders in</td><td[^>]*>CNY</td><td[^>]*>8</td><td[^>]*>20,050,064.00</td>", page)
    unknown = CliRunner().invoke(app, ["report", "--batch-date", "2026-02-01"])
    assert unknown.exit_code == 2 and "The last one is of 2026-01-06" in unknown.stderr


def test_qual_stop_keeps_what_somebody_acts_on_in_the_house(story: Story, tmp_path: Path) -> None:
    """Bills and reports out are not written of a stopped batch; what people look into differences with is."""

    def ask(*words: str) -> Any:
        return CliRunner().invoke(app, ["export", *words, "--to", str(tmp_path / f"{words[0]}.xlsx")])

    for words in (("bills",), ("subscription", "--direction", "out", "--batch-date", TODAY)):
        refused = ask(*words)
        assert refused.exit_code == 4 and "batch 2: orders_not_dated_after_their_batch" in refused.stderr
        assert "settle quality --accept EXPECTATION" in refused.stderr
        assert not (tmp_path / f"{words[0]}.xlsx").exists()
    assert ask("bills", "--batch-date", YESTERDAY).exit_code == 0, "what came before the fault may leave"
    assert ask("breaks").exit_code == 0 and ask("redemption", "--direction", "in").exit_code == 0
    told = CliRunner().invoke(app, ["status"]).stdout
    count = len(stops(story.settings))
    assert re.search(rf"batch 2: \d+ expectations, {count} stopping, \d+ warnings", told), told
    assert "Next: Stop: " in told


def test_qual_accept(story: Story) -> None:
    """Somebody answers for a finding: it stops nothing more, until more rows fail than were accepted."""
    name = "orders_not_dated_after_their_batch"

    def ask(*words: str) -> Any:
        return CliRunner().invoke(app, ["quality", "--batch-date", TODAY, "--accept", *words])

    for words, told in (
        ((name, "--by", "Li"), "--reason: is missing"),
        ((name, "--reason", "x"), "--by: is missing"),
        (("nothing", "--reason", "x", "--by", "Li"), "nothing: no checkpoint of batch 2 knows it"),
        (("order_amounts_plausible", "--reason", "x", "--by", "Li"), "does not stop batch 2"),
    ):
        refused = ask(*words)
        assert refused.exit_code == 2 and told in refused.stderr
    assert ask(name, "--reason", "a test of the platform", "--by", "Li").exit_code == 0
    assert name not in {row["expectation_id"] for row in stops(story.settings)}
    with open_warehouse(story.settings) as warehouse:
        columns = (
            "batch_id, batch_date, expectation_id, table_name, held, {}, checked_rows, sample_keys, owner, meaning"
        )
        rest = "what_to_do, severity, warn_until, stops, checked_at from raw.quality_results"
        warehouse.execute(
            f"insert into raw.quality_results (checkpoint_no, {columns.format('failing_rows')}, what_to_do, severity, "
            f"warn_until, stops, checked_at) select checkpoint_no + 1, {columns.format('failing_rows + 1')}, {rest} "
            "where expectation_id = ? and batch_id = 2",
            (name,),
        )
    assert name in {row["expectation_id"] for row in stops(story.settings)}


KINDS: dict[str, dict[str, Any]] = {
    "null": {"expect": "expect_column_values_to_not_be_null", "arguments": {"column": "words"}},
    "between": {"expect": "expect_column_values_to_be_between", "arguments": {"column": "amount", "max_value": 2}},
    "among": {"expect": "expect_column_values_to_be_in_set", "arguments": {"column": "words", "value_set": ["a"]}},
    "not_among": {
        "expect": "expect_column_values_to_not_be_in_set",
        "arguments": {"column": "words", "value_set": ["b"]},
    },
    "once": {"expect": "expect_column_values_to_be_unique", "arguments": {"column": "words"}},
    "pair": {
        "expect": "expect_column_pair_values_a_to_be_greater_than_b",
        "arguments": {"column_A": "amount", "column_B": "at_least"},
    },
    "together": {"expect": "no_rows_agree_in", "arguments": {"columns": ["words", "at_least"]}},
    "own": {
        "expect": "no_rows_where",
        "where": "words like '%{%' and amount > (select min(amount) from ref(raw.kinds))",
    },
}
FOUND = {
    "null": (1, "no 4"),
    "between": (2, "no 3; no 4"),
    "among": (2, "no 2; no 3"),
    "not_among": (1, "no 2"),
    "once": (2, "no 1; no 5"),
    "pair": (1, "no 1"),
    "together": (2, "no 1; no 5"),
    "own": (1, "no 3"),
}


def with_kinds(here: Settings, patch: pytest.MonkeyPatch) -> None:
    """A small table whose rows in batches 2 and 3 break one expectation of every kind, and the suite of them."""
    told = {"meaning": "It holds.", "what_to_do": "Look.", "owner": "finance", "severity": "warning"}
    entries = [{"id": name, **told, "until": date(2027, 1, 1), **kind} for name, kind in KINDS.items()]
    own = here.warehouse_path.parent / "own"
    own.mkdir()
    (own / "kinds.yml").write_text(yaml.safe_dump({"table": "raw.kinds", "key": ["no"], "expectations": entries}))
    patch.setenv("SETTLE_EXPECTATIONS", str(own))
    with open_warehouse(here) as warehouse:
        warehouse.execute(
            "create table raw.kinds (batch_id bigint, no bigint, words text, amount bigint, at_least bigint)"
        )
        rows = "(1, 'a', 1, 1), (2, 'b', 2, 1), (3, 'c{', 3, 2), (4, null, 4, 2), (5, 'a', 2, 1)"
        for batch in (2, 3):
            warehouse.execute(f"insert into raw.kinds select {batch}, one.* from (values {rows}) as one")


def assert_every_kind(rows: dict[str, dict[str, Any]]) -> None:
    assert {name: (rows[name]["failing_rows"], rows[name]["sample_keys"]) for name in KINDS} == FOUND
    assert {rows[name]["checked_rows"] for name in KINDS} == {5}


def test_every_kind_names_the_rows_it_found(story: Story) -> None:
    assert_every_kind(story.findings)


@pytest.mark.parametrize("shops", ["postgres"], indirect=True)
def test_every_kind_finds_the_same_on_postgresql(here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped suites run there too, over the shop's last day, and the report reads it."""
    with_kinds(here, monkeypatch)
    rows = {row["expectation_id"]: row for row in check_batches(here, [3])}
    assert_every_kind(rows)
    failed = {name: row["sample_keys"] for name, row in rows.items() if not row["held"] and name not in KINDS}
    assert failed == {
        "orders_find_their_configuration": "order_no XC, order_version 1",
        "bills_name_an_account": "bill_no B3-M-20260107-e8804c",
    }
    page = html_of(facts(here), draw=False)
    assert re.search(r"Orders in</td><td[^>]*>CNY</td><td[^>]*>2</td><td[^>]*>101.00</td>", page)
    assert re.search(r"Waiting as exceptions</td><td[^>]*>CNY</td><td[^>]*>1</td><td[^>]*>1.00</td>", page)
    assert re.search(r"Bills, net</td><td[^>]*>CNY</td><td[^>]*>1</td><td[^>]*>99.00</td>", page)


def facts(here: Settings) -> Facts:
    """What the report tells of the last batch."""
    with open_warehouse(here, read_only=True) as warehouse:
        reader = Reader(warehouse)
        return facts_of(reader, built_batch(reader, None))
