"""A report's whole way: pulled from an SFTP server, loaded, reconciled, corrected, audited by several, exported."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from settle.settings import Settings
from tests.oracle import hand
from tests.oracle.world import ORDER_COLUMNS, REPORT_COLUMNS, Row, World
from tests.oracle.worlds import write_config
from tests.scripts.sftp_server import PASSWORD, serving
from tests.warehouse.company import configured
from tests.warehouse.shop import select, told

CONFIG = hand.config(products=[hand.seed("products", product_code="P", spv_code="V")])
ORDERS = [hand.order(name, "100.00", order_type="subscription") for name in "ABC"]
REPORTS = [hand.report("T1", "A", "100.00"), hand.report("T2", "B", "90.00"), hand.report("T3", "C", "100.00")]
REPORT = "V:in:subscription:2026-01-06"


def write(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)


def done(*words: str) -> str:
    """What the command says; it must succeed, and may not say the password."""
    code, out, err = told(*words)
    assert code == 0, f"settle {' '.join(words)}: {err}"
    assert PASSWORD not in out + err
    return out


def sheet(path: Path, name: str) -> list[dict[str, Any]]:
    header, *rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_name(name).to_python()
    return [dict(zip(map(str, header), row, strict=True)) for row in rows]


def test_a_report_goes_from_the_spv_to_an_approved_book(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = configured(home)
    write_config([World(0, "", [], CONFIG)], here.config_dir, leave_out=["business_days", "currencies"])
    monkeypatch.setenv("SETTLE_CONFIG", str(here.config_dir))
    monkeypatch.setenv("SETTLE_PULL_PASSWORD", PASSWORD)
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    write(inbox / "orders_2026-01-05.csv", ORDER_COLUMNS, ORDERS)

    # The SPV's file comes once, from a server whose key is known.
    with serving(tmp_path / "server") as server:
        (tmp_path / "known_hosts").write_text(server.known_hosts())
        monkeypatch.setenv("SETTLE_KNOWN_HOSTS", str(tmp_path / "known_hosts"))
        write(server.folder / "out" / "spv_reports_2026-01-05.csv", REPORT_COLUMNS, REPORTS)
        assert "1 files pulled, 0 taken before." in done("pull", server.url, "--inbox", str(inbox))
        assert "0 files pulled, 1 taken before." in done("pull", server.url, "--inbox", str(inbox))

    # It is loaded and compared: what the SPV typed wrong is one open difference and one error.
    done("run", "--inbox", str(inbox), "--batch-date", "2026-01-05", "--no-tests")
    open_items = (
        "select item_key, result, difference_minor from reconciliation.fct_open_items "
        "where relation = 'orders_spv' and batch_id = {}"
    )
    assert select(here, open_items.format(1)) == [("V|B|subscription", "amount_mismatch", -1000)]
    (error,) = json.loads(done("fix", "--list", "--json"))["lines"]
    assert (error["row_key"], error["error_code"]) == ("V|subscription|T2", "amount_differs")

    # Somebody corrects it; from the next batch on it agrees, and the line that came stays as it came.
    correction = ("--field", "amount", "--old", "90.00", "--new", "100.00")
    done("fix", error["row_key"], *correction, "--reason", "the SPV confirmed by mail", "--by", "Li")
    done("run", "--batch-date", "2026-01-06")
    assert select(here, open_items.format(2)) == []
    assert select(here, "select amount from raw.spv_reports where spv_txn_no = 'T2'")[0][0] == 90
    assert json.loads(done("fix", "--list", "--json"))["lines"] == []

    # Nobody alone brings the report through: one puts it under audit, another checks, a third approves.
    done("audit", "create", "spv_report_in", REPORT, "--by", "Li", "--comment", "correction of T2")
    code, _, err = told("audit", "approve", "spv_report_in", REPORT, "--by", "Li")
    assert code == 4 and "Li put it under audit" in err
    done("audit", "approve", "spv_report_in", REPORT, "--seen", "CREATED", "--by", "Wang")
    code, _, err = told("audit", "approve", "spv_report_in", REPORT, "--by", "Wang")
    assert code == 4 and "Wang approved it already" in err
    done("audit", "approve", "spv_report_in", REPORT, "--seen", "CHECKED", "--by", "Zhao")
    done("audit", "verify")

    # What people get is what stands in the warehouse.
    done("export", "subscription", "--direction", "in", "--to", str(tmp_path / "in.xlsx"))
    (line, total) = sheet(tmp_path / "in.xlsx", "Subscriptions in")
    assert {name: line[name] for name in ("Report", "Order", "Amount", "State", "Error", "Corrected")} == {
        "Report": REPORT, "Order": "B", "Amount": 100.0, "State": "APPROVED", "Error": "", "Corrected": "yes",
    }  # fmt: skip
    assert (total["Report"], total["Amount"]) == ("Total CNY", 100.0)
    done("export", "journal", "--to", str(tmp_path / "journal.xlsx"))
    journal = [
        (row["Object number"], row["To"], row["By"]) for row in sheet(tmp_path / "journal.xlsx", "Audit journal")
    ]
    assert journal == [(REPORT, "CREATED", "Li"), (REPORT, "CHECKED", "Wang"), (REPORT, "APPROVED", "Zhao")]
    story = done("explain", "B")
    assert "90.00" in story and "the SPV confirmed by mail" in story
