"""Two days through `settle load`, `run`, `status` and `explain`, with every number worked out by hand."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from settle.cli import app
from settle.settings import Settings
from settle.warehouse import open_warehouse

CONFIG = {
    "participants": "participant_id,participant_name,participant_kind\nM1,Shop,merchant\nBRAND,Sponsor,brand\n",
    "products": "product_code,product_name\nBOOK,Books\n",
    "channels": "channel_code,channel_name,channel_type,communication_mode\nALIPAY,Alipay,wallet,batch_file\n",
    "accounts": "account_no,participant_id,account_kind,currency\nM1-BANK,M1,bank,CNY\n",
    "settlement_models": (
        "model_code,priority,order_type,cycle,calendar_code,roll,billing_rule_codes,charge_bearer,"
        "requires_channel_match,settle_account_kind,combination,allocation_rule_code\n"
        "SALE,10,sale,T1,CN,none,COMMISSION;SHARED,payee,true,bank,,\n"
        "LEND,10,subscription,D30,CN,none,SERVICE,payee,false,bank,allocate_bill,LENDERS\n"
    ),
    "billing_rules": (
        "rule_code,fee_type,method,base,ppm,min_minor,rounding,refund_fee,allocation_rule_code,currency\n"
        "COMMISSION,commission,rate,amount,6000,,half_up,true,,CNY\n"
        "SHARED,service,rate,amount,10000,,half_up,true,SPLIT,CNY\n"
        "SERVICE,service,rate,amount,10000,15,half_up,true,,CNY\n"
    ),
    "allocation_rules": (
        "allocation_rule_code,level,parent_bearer,method,overflow\nSPLIT,1,,ratio,residual\n"
        "LENDERS,1,,ratio,residual\nLENDERS,2,FUND,sequence,residual\n"
    ),
    "allocation_bearers": (
        "allocation_rule_code,level,parent_bearer,bearer,priority,ppm,cap_minor,cap_period,is_residual\n"
        "SPLIT,1,,BRAND,1,500000,60,month,false\nSPLIT,1,,participant,2,500000,,,true\n"
        "LENDERS,1,,FUND,1,300000,,,false\nLENDERS,1,,participant,2,700000,,,true\n"
        "LENDERS,2,FUND,BANK,1,,1000,month,false\nLENDERS,2,FUND,TRUST,2,,,,true\n"
    ),
    "reconciliation_rules": (
        "relation,channel_code,grouping,amount_tolerance_minor,date_window_days,buffer_days,auto_fill\n"
        "orders_channel,ALIPAY,single,0,0,3,false\n"
    ),
}
ORDERS = """order_no,order_type,product_code,participant_id,channel_code,currency,amount,status,ordered_at
O-1001,sale,BOOK,M1,ALIPAY,CNY,100.00,success,2026-01-05T10:00:00+08:00
O-1002,sale,BOOK,M1,ALIPAY,CNY,50.00,success,2026-01-05T11:00:00+08:00
O-1003,sale,BOOK,M9,ALIPAY,CNY,30.00,success,2026-01-05T12:00:00+08:00
O-1004,subscription,BOOK,M1,ALIPAY,CNY,100.00,success,2026-01-05T13:00:00+08:00
"""
REFUNDS = """order_no,order_type,participant_id,channel_code,currency,amount,status,ordered_at,original_order_no
O-1005,refund,M1,ALIPAY,CNY,50.00,success,2026-01-06T10:00:00+08:00,O-1004
"""
PAYMENTS = """channel_code,channel_txn_no,order_no,txn_type,amount,currency,status,completed_at
ALIPAY,T-1,O-1001,payment,100.00,CNY,success,2026-01-05T10:00:30+08:00
ALIPAY,T-3,O-1003,payment,30.00,CNY,success,2026-01-05T12:00:30+08:00
ALIPAY,T-4,O-1004,payment,100.00,CNY,success,2026-01-05T13:00:30+08:00
"""
LATE = """channel_code,channel_txn_no,order_no,txn_type,amount,currency,status,completed_at
ALIPAY,T-2,O-1002,payment,50.00,CNY,success,2026-01-05T11:00:30+08:00
ALIPAY,T-5,O-1005,refund,50.00,CNY,success,2026-01-06T10:00:30+08:00
"""


def settle(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def ok(*words: str) -> str:
    result = settle(*words)
    assert result.exit_code == 0, f"settle {' '.join(words)}\n{result.output}"
    return str(result.stdout)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the configuration of a small shop and its files of two days."""
    folder = tmp_path_factory.mktemp("company")
    (folder / "config").mkdir()
    for name, text in CONFIG.items():
        (folder / "config" / f"{name}.csv").write_text(text)
    files = {"orders.csv": ORDERS, "payments.csv": PAYMENTS, "refunds.csv": REFUNDS, "payments_late.csv": LATE}
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def two_days(request: pytest.FixtureRequest, company: Path) -> Iterator[dict[str, str]]:
    """A warehouse of two built days and what `settle run` said."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SETTLE_SCHEMA_PREFIX", "DBT_PROFILES_DIR", "SETTLE_ARCHIVE", "SETTLE_TEMPLATES"):
            patch.delenv(name, raising=False)
        patch.setenv("SETTLE_WAREHOUSE", str(company / request.param / "w.duckdb"))
        patch.setenv("SETTLE_CONFIG", str(company / "config"))
        patch.setenv("SETTLE_TARGET", request.param)
        patch.setenv("SETTLE_QUALITY", "off")
        patch.setenv("HOME", str(company))
        patch.chdir(company)
        if request.param == "postgres":
            server = request.getfixturevalue("postgres_server")
            for name, value in {**server, "SETTLE_PG_DATABASE": new_database(server)}.items():
                patch.setenv(name, value)
        ok("load", "orders", str(company / "orders.csv"), "--batch-date", "2026-01-05")
        ok("load", "payments", str(company / "payments.csv"), "--batch-date", "2026-01-05")
        # Data tests see every batch that none have seen, so one run with them is enough.
        first = ok("run", "--no-tests")
        ok("load", "orders", str(company / "refunds.csv"), "--batch-date", "2026-01-06")
        ok("load", "payments", str(company / "payments_late.csv"), "--batch-date", "2026-01-06")
        second = ok("run")
        before = every_row()
        third = ok("run", "--no-tests")
        yield {"first": first, "second": second, "third": third, "unchanged": str(every_row() == before)}


def new_database(server: dict[str, str]) -> str:
    name = f"two_days_{os.getpid()}"
    host, port, user, password = (server[f"SETTLE_PG_{part}"] for part in ("HOST", "PORT", "USER", "PASSWORD"))
    with psycopg.connect(
        host=host, port=int(port), user=user, password=password, dbname="postgres", autocommit=True
    ) as connection:
        connection.execute(f"create database {name}".encode())
    return name


@pytest.fixture
def fresh(duckdb_settings: Settings, company: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The shop's configuration and an empty warehouse."""
    monkeypatch.setenv("SETTLE_CONFIG", str(company / "config"))
    return Settings.from_environment()


def every_row() -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables and views of the warehouse, sorted."""
    with open_warehouse(Settings.from_environment(), read_only=True) as warehouse:
        tables = warehouse.execute(
            "select table_schema || '.' || table_name from information_schema.tables "
            "where table_schema not in ('pg_catalog', 'information_schema')"
        )
        return {str(name): sorted(warehouse.execute(f"select * from {name}"), key=repr) for (name,) in tables}


def test_the_first_run_sums_up_its_day(two_days: dict[str, str]) -> None:
    lines = two_days["first"].splitlines()
    assert lines[0] == "Batch 1 (2026-01-05)"
    assert "  cleared         3 orders" in lines
    assert "  exceptions      1 unknown_participant" in lines
    assert "  reconciliation  3 matched, 1 platform_only" in lines
    assert not any(line.startswith("  bills") for line in lines), "T1 is not due on the day of the order"


def test_the_second_run_bills_what_has_come_due(two_days: dict[str, str]) -> None:
    # The shop: 100.00 − 0.60 − half of 1.00, and 50.00 − 0.30 − what the brand's cap leaves of 0.50: 0.25 + 0.15.
    # The brand owes 0.50 + 0.10, which is carried forward and not collected: a bill of 0.00.
    lines = two_days["second"].splitlines()
    assert lines[0] == "Batch 2 (2026-01-06)"
    assert "  reconciliation  1 matched, 1 matched_late" in lines
    assert "  bills           2, net 148.20 CNY" in lines


def test_a_run_with_nothing_new_changes_no_row_and_says_so(two_days: dict[str, str]) -> None:
    assert two_days["third"].splitlines()[0].startswith("Nothing new")
    assert len(every_row()) > 20
    assert two_days["unchanged"] == "True"


def test_status_counts_and_says_what_to_do(two_days: dict[str, str]) -> None:
    result = json.loads(ok("status", "--json"))
    assert [batch["state"] for batch in result["batches"]] == ["built", "built"]
    assert result["exceptions"] == [{"reason_code": "unknown_participant", "count": 1}]
    assert result["open_items"] == []
    assert result["invariants_broken"] == []
    assert result["untested_batches"] == []
    assert "1 orders in the exceptions" in result["next_step"]
    assert "orders.csv  orders by canonical" in ok("status")


def test_an_order_is_explained_down_to_its_line(two_days: dict[str, str]) -> None:
    text = ok("explain", "O-1002")
    for part in (
        "orders.csv:3 (template canonical",
        "O-1002,sale,BOOK,M1,ALIPAY,CNY,50.00,success,2026-01-05T11:00:00+08:00",
        "payments_late.csv:2",
        "commission by rule COMMISSION: 0.6 % of the amount, rounded half_up; base 50.00 CNY → fee 0.30 CNY",
        "BRAND bears 0.10 CNY of 0.25 CNY asked; 0.50 → 0.60 of its cap 0.60 CNY (2026-01) used, room 0.10 → 0.00 CNY",
        "M1, the participant, bears 0.40 CNY: 0.25 CNY of its own and 0.15 CNY that BRAND could not take",
        "platform_only, in the buffer pool",
        "matched_late (late), before platform_only",
        "settlement date 2026-01-06 (cycle T1)",
        "bill ",
    ):
        assert part in text, f"{part!r} is missing in\n{text}"


def test_an_amount_that_is_shared_and_its_refund_are_explained_share_by_share(two_days: dict[str, str]) -> None:
    told = [line.removeprefix("    ") for line in ok("explain", "O-1004").splitlines()]
    start = told.index("  Clearing 清分清算") + 1
    assert told[start : told.index("  Reconciliation 对账")] == [
        "line 1 cleared in batch 1 (2026-01-05) as number 3: new, 100.00 CNY for M1, model LEND "
        "(the amount is shared, each share billed)",
        "  the amount itself, shared by allocation rule LENDERS: 100.00 CNY",
        "    FUND takes 30.00 CNY, split further",
        "      BANK bears 10.00 CNY of 30.00 CNY asked; 0.00 → 10.00 of its cap 10.00 CNY (2026-01) used, "
        "room 10.00 → 0.00 CNY; the other 20.00 CNY asked of TRUST",
        "      TRUST bears 20.00 CNY",
        "    M1, the participant, bears 70.00 CNY",
        "  service by rule SERVICE, on each share: 1 % of the share, at least 0.15 CNY, rounded half_up; "
        "base 100.00 CNY → fee 1.05 CNY",
        "    M1, the participant: base 70.00 CNY → fee 0.70 CNY",
        "    of the share of FUND",
        "      BANK: base 10.00 CNY → exact 0.10 CNY → fee 0.15 CNY (the minimum)",
        "      TRUST: base 20.00 CNY → fee 0.20 CNY",
        "  taken back by refund O-1005 line 1, number 4 in batch 2 (2026-01-06): 50.00 CNY, fee 0.53 CNY",
    ]
    told = [line.removeprefix("    ") for line in ok("explain", "O-1005").splitlines()]
    start = told.index("  Clearing 清分清算") + 1
    assert told[start : told.index("  Reconciliation 对账")] == [
        "line 1 cleared in batch 2 (2026-01-06) as number 4: refund, 50.00 CNY for M1, model LEND "
        "(the amount is shared, each share billed)",
        "  takes back from O-1004 line 1 (version 1, number 3, batch 1 (2026-01-05)): "
        "50.00 of 100.00 CNY are refunded with it",
        "  the amount itself, taken back from those who share it: 50.00 CNY",
        "    FUND gets back 15.00 CNY, split further",
        "      BANK gets back 5.00 CNY; 10.00 → 5.00 of its cap 10.00 CNY (2026-01) used, room 0.00 → 5.00 CNY",
        "      TRUST gets back 10.00 CNY",
        "    M1, the participant, gets back 35.00 CNY",
        "  service by rule SERVICE, as recorded for the original: base -50.00 CNY → fee -0.53 CNY of 1.05 CNY",
        "    M1, the participant, gets back 0.35 CNY",
        "    of the share of FUND",
        "      BANK gets back 0.08 CNY",
        "      TRUST gets back 0.10 CNY",
    ]


def test_an_order_that_could_not_clear_says_why(two_days: dict[str, str]) -> None:
    assert "could not clear, unknown_participant" in ok("explain", "O-1003")


def test_a_statement_line_and_a_bill_are_explained_too(two_days: dict[str, str]) -> None:
    line = ok("explain", "T-1")
    assert line.splitlines()[0] == "T-1: statement line"
    assert "payments.csv:2" in line
    assert "O-1001: sale of 2026-01-05 10:00, success" in line
    bills = json.loads(ok("explain", "O-1001", "--json"))["orders"][0]["bills"]
    bill_no = next(bill["bill_no"] for bill in bills if bill["participant_id"] == "M1")
    bill = ok("explain", bill_no)
    assert bill.splitlines()[0].startswith(f"bill {bill_no} of batch 2 (2026-01-06): 2 entries, net 148.20 CNY")
    assert "O-1002 version 1, new: gross 50.00 CNY" in bill


def test_an_unknown_key_is_exit_2_with_near_misses(two_days: dict[str, str]) -> None:
    result = settle("explain", "o-1001")
    assert result.exit_code == 2
    assert "Did you mean O-1001" in result.stderr
    assert settle("explain", "nothing like it").stderr.endswith("Nothing loaded looks like it.\n")


def test_a_batch_date_before_the_last_one_is_refused(two_days: dict[str, str]) -> None:
    result = settle("run", "--batch-date", "2026-01-02")
    assert result.exit_code == 2
    assert "--batch-date 2026-01-02: the last batch that was built is 2026-01-06 (batch 2)" in result.stderr
    assert settle("run", "--batch-date", "02.01.2026").exit_code == 2


def test_a_refused_file_of_the_inbox_stops_the_run_before_anything_is_built(fresh: Settings, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "orders_1.csv").write_text(ORDERS.replace("100.00", "1.005"))
    result = settle("run", "--inbox", str(inbox), "--batch-date", "2026-01-05")
    assert result.exit_code == 2
    assert "1.005" in result.stderr
    with open_warehouse(Settings.from_environment()) as warehouse:
        assert not warehouse.has_table("meta", "model_batches") or not warehouse.execute(
            "select * from meta.model_batches"
        )


def test_the_same_inbox_call_twice_is_done_and_changes_nothing(fresh: Settings, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "orders_1.csv").write_text(ORDERS)
    (inbox / "payments_1.csv").write_text(PAYMENTS)
    words = ("run", "--no-tests", "--inbox", str(inbox), "--batch-date", "2026-01-05")
    first = ok(*words)
    assert "  cleared         3 orders" in first
    assert "tests held" not in first
    before = every_row()
    second = ok(*words)
    assert "Nothing new" in second
    assert every_row() == before
    (inbox / "orders_2.csv").write_text(ORDERS.replace("O-100", "O-200"))
    late = settle(*words)
    assert late.exit_code == 2, "a new file for a closed batch must not slip into another one"
    assert "closed for good" in late.stderr


def test_before_anything_is_loaded_status_and_explain_say_what_to_do(fresh: Settings, tmp_path: Path) -> None:
    for words in (("status",), ("explain", "O-1")):
        result = settle(*words)
        assert result.exit_code == 2
        assert "Load a file first: settle load orders FILE" in result.stderr
