"""Payout files on the small shop: who may send what to the bank, and what keeps them from it."""

from __future__ import annotations

import json
from pathlib import Path

from python_calamine import CalamineWorkbook

from settle.settings import Settings
from settle.warehouse import open_warehouse
from tests.warehouse.shop import load_returns, select, told

PAYOUTS = "select batch_id, status, file_no, file_state from settlement.fct_payout_instructions"
FILES = (
    "select file_no, state, communication_status, instruction_count, amount_minor, succeeded_count, succeeded_minor "
    "from settlement.fct_clearing_files"
)
NETTED = "settlement_internal.int_settlement__bills_netted"
STOPPED = """
    insert into raw.quality_results values (
        1, 2, date '2026-01-06', 'orders__planted', 'orders', false, 1, 9, 'A', 'orders', 'm', 'w', 'critical', null,
        true, timestamp '2026-01-06 20:00:00'
    )
"""


def done(*words: str) -> str:
    code, out, err = told(*words)
    assert code == 0, err
    return out


def refused(code: int, message: str, *words: str) -> None:
    found, out, err = told(*words)
    assert (found, out) == (code, "") and message in err, f"{words}: exit {found}: {out}{err}"


def execute(here: Settings, statement: str) -> None:
    with open_warehouse(here) as warehouse:
        warehouse.execute(statement)


def approve(kind: str, *names: str, until: str = "APPROVED") -> None:
    steps = {"CHECKED": ["Wang"], "APPROVED": ["Wang", "Zhao"], "SENT": ["Wang", "Zhao", "Chen"]}
    for by in steps[until]:
        done("audit", "approve", kind, *names, "--by", by)


def test_audit_payouts_go_out_in_a_file_that_others_have_approved(here: Settings, tmp_path: Path) -> None:
    execute(here, f"update {NETTED} set account_no = 'M-CNY'")
    bills = [str(bill) for _, bill in select(here, f"select batch_id, bill_no from {NETTED} where net_minor > 0")]
    assert select(here, PAYOUTS) == [(batch, "created", None, None) for batch in (1, 2, 3)]

    # Nothing is collected that waits for approval, and nobody makes a file who may not.
    execute(here, "update config.settlement_models set requires_approval = true")
    done("audit", "create", "bill", *bills[:2], "--by", "Li")
    approve("bill", bills[0])
    refused(2, "--by is missing. Say who decides: --by NAME, or SETTLE_ACTOR", "payout")
    refused(4, "--by Wang is no maker, who takes payout_file from nothing to CREATED", "payout", "--by", "Wang")
    assert done("payout", "--by", "Li", "--dry-run") == "PF-000001: 1 instruction, 100.00 CNY\nNothing was written.\n"
    assert select(here, "select file_no from raw.payout_files") == []
    made = json.loads(done("payout", "--by", "Li", "--json"))["files"]
    assert made == [{"file_no": "PF-000001", "currency": "CNY", "instruction_count": 1, "amount_minor": 10000}]
    assert done("payout", "--by", "Li").startswith("Nothing may be paid that stands in no file.")

    # Four eyes, then it may be written: what was approved, and only that.
    target = tmp_path / "payouts.xlsx"
    out = ("export", "payouts", "--file-no", "PF-000001", "--to", str(target))
    refused(4, "payout_file PF-000001 is CREATED, and nothing goes out that is not approved.", *out)
    refused(4, "--by Li put it under audit", "audit", "approve", "payout_file", "PF-000001", "--by", "Li")
    refused(2, "payout_file PF-000002 is not under audit", *out[:3], "PF-000002")
    refused(2, "--file-no is missing: say which file.", *out[:2])
    refused(2, "--file-no PF-000001: bills has none.", "export", "bills", *out[2:4])
    approve("payout_file", "PF-000001")
    assert select(here, PAYOUTS)[0] == (1, "filed", "PF-000001", "APPROVED")
    assert select(here, FILES) == [("PF-000001", "APPROVED", "generated", 1, 10000, 0, 0)]
    done(*out)
    rows = CalamineWorkbook.from_path(str(target)).get_sheet_by_name("Payouts").to_python()
    assert rows[1][0] == "PF-000001" and rows[1][2] == bills[0] and rows[1][5:] == ["CNY", 100.0]
    assert rows[2][0] == "Total CNY" and rows[2][6] == 100.0
    execute(here, STOPPED.replace("1, 2, date '2026-01-06'", "1, 1, date '2026-01-05'"))
    refused(4, "orders__planted", *out)
    execute(here, "delete from raw.quality_results")

    # What changes after it was approved goes nowhere: the file's rows, what is to be paid, the approval of a bill.
    for change, back in (
        ("update raw.payout_files set file_no = 'PF-000009'", "update raw.payout_files set file_no = 'PF-000001'"),
        (f"update {NETTED} set net_minor = net_minor + 1", f"update {NETTED} set net_minor = net_minor - 1"),
    ):
        execute(here, change + " where batch_id = 1" * ("netted" in change))
        refused(4, "payout_file PF-000001 has changed since it was put under audit", *out)
        code, _, err = told("audit", "verify")
        assert code == 4 and "payout_file PF-000001 has changed" in err
        execute(here, back + " where batch_id = 1" * ("netted" in back))
    execute(here, "update raw.audit_journal set to_name = 'REJECTED' where seq = 4")
    refused(4, f"PAY-{bills[0]} of PF-000001 may not be paid any more: its bill is not approved.", *out)
    execute(here, "update raw.audit_journal set to_name = 'APPROVED' where seq = 4")

    # Sent, and answered by the bank.
    done("audit", "approve", "payout_file", "PF-000001", "--by", "Chen")
    assert select(here, PAYOUTS)[0] == (1, "sent", "PF-000001", "SENT")
    assert select(here, FILES) == [("PF-000001", "SENT", "sent", 1, 10000, 0, 0)]
    load_returns(here, tmp_path, f"F1,PAY-{bills[0]},T1,100.00,CNY,success")
    assert select(here, PAYOUTS)[0] == (1, "succeeded", "PF-000001", "SENT")
    assert select(here, FILES) == [("PF-000001", "SENT", "answered", 1, 10000, 1, 10000)]
    done(*out)
    assert "in file PF-000001 (SENT)" in done("explain", bills[0])


def test_audit_payouts_of_a_rejected_file_come_into_the_next_one(here: Settings, tmp_path: Path) -> None:
    execute(here, f"update {NETTED} set account_no = case when batch_id = 3 then '' else 'M-CNY' end")
    found = done("payout", "--by", "Li", "--comment", "first")
    assert found.splitlines()[0] == "PF-000001: 2 instructions, 199.50 CNY"
    assert (
        "left out: PAY-" in found
        and "accounts.csv, then have the bill made again: settle reset --from-batch 3" in found
    )
    refused(
        4, "bills are in PF-000001; clearing again would change what goes to the bank", "reset", "--from-batch", "2"
    )
    execute(here, f"update {NETTED} set account_no = 'M-CNY' where batch_id = 3")
    done("audit", "reject", "payout_file", "PF-000001", "--comment", "wrong day", "--by", "Wang")
    assert {row[1:] for row in select(here, PAYOUTS)} == {("created", None, None)}
    execute(here, STOPPED)
    refused(4, "orders__planted", "payout", "--by", "Li")
    execute(here, "delete from raw.quality_results")
    assert done("payout", "--by", "Li", "--currency", "JPY").startswith("Nothing may be paid")
    assert done("payout", "--by", "Li").splitlines()[0] == "PF-000002: 3 instructions, 298.50 CNY"
    assert {row[1:] for row in select(here, PAYOUTS)} == {("filed", "PF-000002", "CREATED")}
    assert select(here, FILES) == [
        ("PF-000001", "REJECTED", "generated", 2, 19950, 0, 0), ("PF-000002", "CREATED", "generated", 3, 29850, 0, 0),
    ]  # fmt: skip

    # AUDIT-SEEDS: files are decisions; a warehouse that is made anew has them again.
    folder = tmp_path / "decisions"
    assert f"{folder / 'payout_files'}.csv: 5 rows" in done("audit", "export", "--as-seed", str(folder))
    execute(here, "delete from raw.payout_files")
    execute(here, "delete from raw.audit_journal")
    assert {row[2] for row in select(here, PAYOUTS)} == {None}
    assert "payout_files: 5 rows" in done("audit", "import", str(folder))
    assert {row[1:] for row in select(here, PAYOUTS)} == {("filed", "PF-000002", "CREATED")}
    done("audit", "verify")
