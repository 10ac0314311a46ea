"""Suites of expectations: what is shipped, what is refused with which words, and pages that need no network."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from settle.build import BatchSummary, RunReport
from settle.cli import app
from settle.commands import run as run_command
from settle.dbt import DbtOutcome
from settle.errors import InputError, SettleError
from settle.quality import start
from settle.quality.data_docs import offline
from settle.quality.results import Finding, batches_to_check
from settle.quality.start import finding_lines, stop_lines
from settle.quality.suites import KINDS, read_suite, read_suites, sql_of, suite_folders
from settle.settings import Settings
from settle.standing import model_places
from settle.warehouse import open_warehouse

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = read_suites([ROOT / "seeds" / "expectations"])
EXPECTATION: dict[str, Any] = {
    "id": "amounts_known",
    "expect": "expect_column_values_to_not_be_null",
    "arguments": {"column": "amount"},
    "meaning": "Every row has an amount.",
    "what_to_do": "Ask for it.",
    "owner": "finance",
    "severity": "critical",
}


def suite(folder: Path, changes: dict[str, Any] | None = None, **top: Any) -> Path:
    """A file of one suite with one expectation, changed; None takes a key away."""
    expectation = {key: value for key, value in {**EXPECTATION, **(changes or {})}.items() if value is not None}
    content = {"table": "raw.orders", "key": ["order_no"], "expectations": [expectation], **top}
    folder.mkdir(exist_ok=True)
    file = folder / "orders.yml"
    file.write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}))
    return file


def test_the_shipped_suites_look_at_staging_and_marts_that_are_there() -> None:
    places = model_places(ROOT)
    for each in SHIPPED:
        schema, table = each.table.split(".")
        assert table in places and places[table].schema == schema, f"{each.file}: {each.table} is no model"
    layers = {each.table.split(".")[1].split("_")[0] for each in SHIPPED}
    assert layers == {"stg", "fct", "rpt"}
    assert sum(len(each.expectations) for each in SHIPPED) >= 30


def test_the_page_of_rules_names_every_shipped_expectation() -> None:
    page = (ROOT / "docs" / "rules" / "quality.md").read_text(encoding="utf-8")
    ids = [each.expectation_id for one in SHIPPED for each in one.expectations]
    assert [name for name in ids if f"`{name}`" not in page] == []


@pytest.mark.parametrize(
    ("changes", "top", "told"),
    [
        ({}, {"table": "orders"}, "table: 'orders' is no table"),
        ({}, {"key": None}, "key: None is no list of columns"),
        ({}, {"tabel": "x"}, "the key 'tabel' is unknown"),
        ({}, {"expectations": []}, "expectations: there are none"),
        ({"id": "Amounts"}, {}, "an id has lower-case letters"),
        ({"owner": None}, {}, "amounts_known: owner: is missing"),
        ({"meaning": " "}, {}, "amounts_known: meaning: is missing"),
        ({"expect": "expect_magic"}, {}, "amounts_known: expect: 'expect_magic' is unknown. Use one of no_rows_where"),
        ({"severity": "info"}, {}, "amounts_known: severity: 'info' is unknown"),
        ({"severity": "warning"}, {}, "amounts_known: until: is missing"),
        ({"until": "soon"}, {}, "amounts_known: until: 'soon' is no day"),
        ({"where": "true"}, {}, "amounts_known: where: is for no_rows_where only"),
        ({"expect": "no_rows_where"}, {}, "amounts_known: where: is missing"),
        ({"expect": "no_rows_where", "where": "true"}, {}, "amounts_known: arguments: no_rows_where takes only where"),
        ({"expect": "no_rows_agree_in"}, {}, "amounts_known: arguments: columns: None is no list of columns"),
        ({"what": 1}, {}, "amounts_known: the key 'what' is unknown"),
    ],
)
def test_a_suite_that_cannot_be_is_told_with_file_expectation_and_key(
    tmp_path: Path, changes: dict[str, Any], top: dict[str, Any], told: str
) -> None:
    file = suite(tmp_path, changes, **top)
    with pytest.raises(InputError) as refused:
        read_suite(file)
    assert f"{file}: " in str(refused.value) and told in str(refused.value)
    assert "docs/rules/quality.md" in str(refused.value) and refused.value.exit_code == 2


def test_an_id_is_used_once(tmp_path: Path) -> None:
    suite(tmp_path)
    (tmp_path / "other.yml").write_text((tmp_path / "orders.yml").read_text())
    with pytest.raises(InputError, match=r"amounts_known: the id is used in .*orders\.yml too"):
        read_suites([tmp_path])


def test_a_file_of_the_companys_own_folder_takes_the_place_of_the_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite(tmp_path / "own")
    monkeypatch.setenv("SETTLE_EXPECTATIONS", str(tmp_path / "own"))
    found = read_suites(suite_folders(Settings.from_environment({"SETTLE_PROJECT": str(ROOT)})))
    assert {each.name for each in found} == {each.name for each in SHIPPED}
    assert [each.file for each in found if each.name == "orders"] == [tmp_path / "own" / "orders.yml"]
    monkeypatch.setenv("SETTLE_EXPECTATIONS", str(tmp_path / "none"))
    with pytest.raises(InputError, match="SETTLE_EXPECTATIONS"):
        suite_folders(Settings.from_environment({"SETTLE_PROJECT": str(ROOT)}))


def test_sql_of_a_suite_names_tables_and_batch_as_they_are_here() -> None:
    text = "day > {batch_date} - 3 and no in (select no from ref( clearing.fct_x ) where batch_id < {batch_id})"
    assert sql_of(text, "demo_", 7, date(2026, 1, 5)) == (
        "day > date '2026-01-05' - 3 and no in (select no from demo_clearing.fct_x where batch_id < 7)"
    )


def test_qual_warn(tmp_path: Path) -> None:
    """A warning is one up to and on its last day, and then it is critical."""
    (warning,) = read_suite(suite(tmp_path, {"severity": "warning", "until": date(2026, 6, 30)})).expectations
    assert [warning.stops(date(2026, 6, day)) for day in (29, 30)] == [False, False]
    assert warning.stops(date(2026, 7, 1))
    (critical,) = read_suite(suite(tmp_path)).expectations
    assert critical.stops(date(2026, 6, 29))


def test_every_kind_is_one_that_great_expectations_has() -> None:
    assert set(KINDS) >= {each.kind for one in SHIPPED for each in one.expectations}


@pytest.mark.parametrize(
    ("built", "checked", "new", "expected"),
    [
        ({1, 2, 3}, set(), {3}, [3]),
        ({1, 2, 3}, set(), set(), [3]),
        ({1, 2, 3, 4}, {1, 2}, set(), [3, 4]),
        ({1, 2, 3}, {1, 2, 3}, {2, 3}, [2, 3]),
        ({1, 2}, {1, 2}, set(), []),
        (set(), set(), set(), []),
    ],
)
def test_a_checkpoint_looks_at_what_is_new_and_what_none_has_seen(
    built: set[int], checked: set[int], new: set[int], expected: list[int]
) -> None:
    assert batches_to_check(built, checked, new) == expected


def finding(**changes: Any) -> Finding:
    base = Finding(
        2, date(2026, 1, 6), "amounts_known", "raw.orders", False, 2, 10, "order_no A; order_no B", "finance",
        "Every row has an amount.", "Ask for it.", "warning", date(2026, 6, 30), False,
    )  # fmt: skip
    return Finding(**{**asdict(base), **changes})


@pytest.mark.parametrize("until", [None, date(2026, 6, 30)])
def test_a_finding_comes_back_from_the_other_process_as_it_was(until: date | None) -> None:
    one = finding(warn_until=until)
    assert Finding.from_json(json.loads(json.dumps(asdict(one), default=str))) == one


def test_a_finding_is_told_with_rows_owner_and_what_to_do() -> None:
    accepted = {"accepted_by": None, "accepted_reason": None}
    rows: list[dict[str, Any]] = [
        {**asdict(finding()), **accepted},
        {**asdict(finding(expectation_id="worse", stops=True)), **accepted},
        {**asdict(finding(expectation_id="known")), "accepted_by": "Li", "accepted_reason": "a test file"},
        {**asdict(finding(expectation_id="fine", held=True, failing_rows=0)), **accepted},
    ]
    settings = Settings.from_environment({"SETTLE_PROJECT": str(ROOT), "SETTLE_ARCHIVE": "/data/archive"})
    assert finding_lines(rows, settings) == [
        "Quality of batch 2 (2026-01-06): 1 of 4 held",
        "  warning until 2026-06-30  amounts_known: 2 of 10 rows of raw.orders",
        "    expected: Every row has an amount.",
        "    finance: Ask for it.",
        "    rows: order_no A; order_no B",
        "  STOPS  worse: 2 of 10 rows of raw.orders",
        "    expected: Every row has an amount.",
        "    finance: Ask for it.",
        "    rows: order_no A; order_no B",
        "  accepted  known: 2 of 10 rows of raw.orders",
        "    expected: Every row has an amount.",
        "    finance: Ask for it.",
        "    rows: order_no A; order_no B",
        "    accepted by Li: a test file",
        "  pages: /data/quality/batch-2/index.html",
    ]
    assert stop_lines(rows[1:2])[:2] == [
        "Nothing may be published: 1 expectation failed that may not.",
        "  batch 2: worse (finance)",
    ]
    assert stop_lines([]) == []


def test_a_page_of_data_docs_needs_no_network_and_keeps_its_table() -> None:
    page = """<html><head><link rel="stylesheet" href="https://cdn.example/x.css"><style>
a{background:url('https://a.example/b')}</style></head><body onload="go()"><img src="//pixel.example/p.gif">
<a href="https://a.example">x</a><a href="b.html">b</a>
<table
  id="t-1"
  data-toggle="table"
>
</table><script src="https://cdn.example/x.js"></script><script>
  $('#t-1').bootstrapTable(
      {
        columns: [{'field': 'run_time', 'title': 'Run'}, {'field': 'asset_name', 'title': 'A'}, {'field': 'x'}],
        data: [{'run_time': '12:00', 'asset_name': 'orders', 'x': 'y', '_table_row_link_path': 'v/1.html'}],
        toolbar: '#t'
      });
</script><footer>news</footer></body></html>"""
    made = offline(page)
    assert "example" not in made and "<script" not in made and "onload" not in made and "news" not in made
    rows = re.search(r"<table.*?</table>", made, re.S)
    assert rows is not None and '<td>12:00</td><td><a href="v/1.html">orders</a></td></tr>' in rows.group(0)
    assert '<a href="b.html">b</a>' in made and made.count("<style>") == 2


@pytest.mark.parametrize("found", [False, True])
def test_a_run_without_the_extra_says_so_and_goes_on(
    duckdb_settings: Settings, monkeypatch: pytest.MonkeyPatch, found: bool
) -> None:
    with open_warehouse(duckdb_settings) as warehouse:
        warehouse.ensure_raw_tables()
    asked: list[list[int]] = []

    def checked(_: Settings, new: list[int]) -> list[dict[str, Any]]:
        asked.append(new)
        return []

    report = RunReport(DbtOutcome(True, 0), [BatchSummary(4, date(2026, 1, 5))], {})
    monkeypatch.setattr(run_command, "build", lambda *_: report)
    monkeypatch.setattr(run_command, "installed", lambda: found)
    monkeypatch.setattr(run_command, "check_new_batches", checked)
    monkeypatch.delenv("SETTLE_QUALITY")
    for words in ([], ["--no-quality"], ["--no-tests"]):
        result = CliRunner().invoke(app, ["run", *words])
        assert result.exit_code == 0, result.output
        assert ("pip install 'settle[quality]'" in result.stderr) == (not found and not words)
    assert asked == ([[4]] if found else [])


def test_a_checkpoint_without_the_extra_is_refused_with_what_to_install(
    duckdb_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "installed", lambda: False)
    with pytest.raises(InputError, match=r"pip install 'settle\[quality\]'"):
        start.check_batches(duckdb_settings, [1])
    assert start.check_batches(duckdb_settings, []) == []


def test_a_suite_of_a_table_that_is_not_there_is_told_before_anything_runs(
    duckdb_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_warehouse(duckdb_settings) as warehouse:
        warehouse.ensure_raw_tables()
    suite(tmp_path / "own", table="clearing.fct_missing")
    monkeypatch.setenv("SETTLE_EXPECTATIONS", str(tmp_path / "own"))
    monkeypatch.setattr(start, "read_suites", lambda folders: read_suites(folders[:1]))
    with pytest.raises(InputError, match=r"orders\.yml: table: clearing\.fct_missing is not in the warehouse"):
        start.check_batches(duckdb_settings, [1])


def test_a_checkpoint_that_breaks_off_shows_what_it_said_last(
    duckdb_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 1, "", "\n".join(f"line {n}" for n in range(100)))

    monkeypatch.setattr(subprocess, "run", broken)
    with pytest.raises(SettleError, match=r"broke off \(exit 1\):\nline 85\n(.|\n)*line 99$"):
        start._asked(duckdb_settings, {})
