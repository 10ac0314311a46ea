"""`settle audit` on the small shop: what it writes, refuses and finds, and what the marts make of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from settle.audit.anchor import anchor_file
from settle.audit.chain import COLUMNS, JournalRow, linked
from settle.audit.desk import anchor_head, read_journal
from settle.errors import TryAgainError
from settle.explain.rows import Reader
from settle.settings import Settings
from settle.warehouse import Warehouse, open_warehouse
from tests.warehouse.shop import select, told

OBJECTS = "select object_id, state, state_no, created_by, approval_count, decided_by from audit.fct_audit_objects"
BILLS = "select batch_id, state, is_payable from settlement.fct_settlement_bills where participant_id = 'M'"
BROKEN = "select control, failing_rows, first_seq from audit.rpt_audit_controls where not held"
TO_PAY = """
    select bill_no from settlement.fct_payout_instructions where is_payable and participant_id = 'M' order by bill_no
"""
REQUIRES = "update config.settlement_models set requires_approval = {}"


@pytest.fixture
def bills(here: Settings) -> Iterator[list[str]]:
    """The numbers of the merchant's three bills, by batch."""
    rows = select(here, "select batch_id, bill_no from settlement.fct_settlement_bills where participant_id = 'M'")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SETTLE_ACTOR", raising=False)
        yield [str(bill_no) for _, bill_no in rows]


def done(*words: str) -> str:
    """What the command says; it must succeed."""
    code, out, err = told("audit", *words)
    assert code == 0, err
    return out


def refused(code: int, message: str, *words: str) -> None:
    found, out, err = told("audit", *words)
    assert (found, out) == (code, "") and message in err, f"{words}: exit {found}: {out}{err}"


def execute(here: Settings, *statements: str) -> None:
    with open_warehouse(here) as warehouse:
        for statement in statements:
            warehouse.execute(statement)


def write_row(warehouse: Warehouse, row: JournalRow) -> None:
    """As somebody would who writes to the table by hand."""
    places = ", ".join("?" * len(COLUMNS))
    warehouse.execute(f"insert into raw.audit_journal ({', '.join(COLUMNS)}) values ({places})", row.values())


def test_audit_bills_go_through_their_states_and_audit_seeds_keep_what_was_decided(
    here: Settings, bills: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = bills
    assert select(here, BILLS) == [(1, "CREATED", True), (2, "CREATED", True), (3, "CREATED", True)]
    execute(here, REQUIRES.format("true"))
    assert select(here, BILLS) == [(1, "CREATED", False), (2, "CREATED", False), (3, "CREATED", False)]

    # AUDIT-STATES, AUDIT-EYES: the example of the page. Nothing that is refused is written.
    plan = done("create", "bill", *bills, "--by", "Li", "--dry-run")
    assert (
        plan.splitlines()[-1] == "Nothing was written." and f"bill {first}  - → CREATED  CREATE by Li (maker)" in plan
    )
    refused(2, "is no bill that is built.", "create", "bill", first, "B9", "--by", "Li")
    refused(2, "is no spv_report_out that is built", "create", "spv_report_out", "V:out", "--by", "Li")
    refused(2, "invoice is no kind of object. Use one of bill,", "create", "invoice", "I1", "--by", "Li")
    refused(2, "--by is missing. Say who decides: --by NAME, or SETTLE_ACTOR", "create", "bill", first)
    assert select(here, "select seq from raw.audit_journal") == [] and not anchor_file(here).exists()
    done("create", "bill", *bills, "--by", "Li", "--comment", "first bills")
    refused(
        4, f"--by Li put it under audit, so somebody else must approve {first}.", "approve", "bill", first, "--by", "Li"
    )
    monkeypatch.setenv("SETTLE_ACTOR", "Wang")
    done("approve", "bill", first, second, "--seen", "CREATED")
    refused(
        4,
        "--seen CREATED is no longer the state: it is CHECKED (1)",
        "approve",
        "bill",
        first,
        "--seen",
        "CREATED",
        "--by",
        "Zhao",
    )
    refused(4, "--by Wang approved it already (CHECKED)", "approve", "bill", second)

    # Many decisions by a file: all or none, and a dry run first.
    file = tmp_path / "decisions.csv"
    header = "object_kind,object_id,action,comment,by\n"
    text = f"bill,{first},APPROVE,,Zhao\nbill,{second},APPROVE,,\nbill,{third},REJECT,,\n"
    file.write_text(header + text, encoding="utf-8")
    refused(
        2, "decisions.csv:3: column \"by\": 'Wang' approved it already (CHECKED), so somebody else", "decide", str(file)
    )
    refused(2, "decisions.csv:4: column \"comment\": '' is missing.", "decide", str(file))
    file.write_text(f"{header}bill,{first},approve,,Zhao\nbill,{third},reject,fee disputed,\n", encoding="utf-8")
    assert done("decide", str(file), "--dry-run").endswith("Nothing was written.\n")
    written = json.loads(done("decide", str(file), "--json"))["decisions"]
    assert [(row["seq"], row["to_name"], row["actor"], row["after_batch_id"]) for row in written] == [
        (6, "APPROVED", "Zhao", 3),
        (7, "REJECTED", "Wang", 3),
    ]
    refused(2, "is REJECTED, which is final and takes no action", "approve", "bill", third, "--by", "Zhao")

    assert select(here, BILLS) == [(1, "APPROVED", True), (2, "CHECKED", False), (3, "REJECTED", False)]
    # Of what has to be paid only the approved bill may be sent to the bank.
    assert select(here, TO_PAY) == [(first,)]
    assert select(here, OBJECTS) == [
        (first, "APPROVED", 2, "Li", 2, "Zhao"), (second, "CHECKED", 1, "Li", 1, "Wang"),
        (third, "REJECTED", -1, "Li", 0, "Wang"),
    ]  # fmt: skip
    execute(here, REQUIRES.format("false"))
    assert [row[2] for row in select(here, BILLS)] == [True, False, False], "what is under audit waits for it"
    assert len(done("journal", "bill", first).splitlines()) == 3 and len(done("journal").splitlines()) == 7
    refused(2, "bill B9 is not under audit. See: settle audit list", "journal", "bill", "B9")
    assert done("list", "--state", "CHECKED").splitlines() == [
        "1 under audit", f"  bill {second}  CHECKED by Wang; waits for approver",
    ]  # fmt: skip
    assert select(here, BROKEN) == []
    assert done("verify").startswith("7 rows of the journal are what was written; anchored in ")
    code, _, err = told("reset", "--from-batch", "1")
    assert code == 4 and "From batch 1 on, 1 bill is approved; clearing again would change what was approved." in err

    # AUDIT-FREEZE: the bill changes under audit; it cannot go on, but it can be rejected and come again.
    netted = "settlement_internal.int_settlement__bills_netted"
    execute(here, f"update {netted} set net_minor = net_minor + 1 where bill_no = '{second}'")
    code, _, err = told("audit", "verify")
    assert code == 4 and err.splitlines() == [f"bill {second} has changed since it was put under audit."]
    refused(4, f"{second} has changed since Li put it under audit", "approve", "bill", second, "--by", "Zhao")
    done("reject", "bill", second, "--comment", "changed", "--by", "Zhao")
    done("create", "bill", second, "--by", "Li")
    assert select(here, OBJECTS)[1] == (second, "CREATED", 0, "Li", 0, "Li")
    done("verify")

    # AUDIT-SEEDS: exported, loaded into a warehouse that has none, exported again: the same files.
    folder, again = tmp_path / "decisions", tmp_path / "again"
    with open_warehouse(here) as warehouse:
        warehouse.execute(
            "insert into raw.decisions values (1, 'D-000001', 'orders_channel', 'C|A', 'A', 'level_out', null, '', "
            "null, null, null, 'a \"reason\", of two\nlines', 'Li', timestamp '2026-01-08 10:00:00.000001', 3)"
        )
    assert f"{folder / 'audit_journal'}.csv: 9 rows" in done("export", "--as-seed", str(folder))
    refused(2, "has decisions already, and those of", "import", str(folder))
    refused(2, "holds none of decisions.csv", "import", str(tmp_path / "nowhere"))
    execute(here, "delete from raw.audit_journal", "delete from raw.decisions")
    journal = folder / "audit_journal.csv"
    whole = journal.read_text(encoding="utf-8")
    journal.write_text(whole.replace(",Zhao,", ",Li,", 1), encoding="utf-8")
    refused(
        4, "audit_journal.csv: row 6 says something else than when it was written (row_hash).", "import", str(folder)
    )
    journal.write_text("\n".join(whole.splitlines()[:-1]) + "\n", encoding="utf-8")
    refused(4, "audit_journal.csv: row 9 is missing; row 9 was anchored.", "import", str(folder))
    journal.write_text(whole, encoding="utf-8")
    assert select(here, "select seq from raw.audit_journal") == []
    assert done("import", str(folder)) == (
        "decisions: 1 rows\ncorrections: 0 rows\npayout_files: 0 rows\naudit_journal: 9 rows\n"
    )
    done("export", "--as-seed", str(again))
    for name in ("decisions.csv", "audit_journal.csv"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()
    done("verify")


def test_audit_chain_shows_what_somebody_did_to_the_table_and_inv_audit_says_so(
    here: Settings, bills: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    anchor_file(here).mkdir()
    code, _, err = told("audit", "create", "bill", *bills, "--by", "Li")
    assert code == TryAgainError.exit_code and "the anchor cannot be written" in err and "Nothing was written" in err
    assert select(here, "select seq from raw.audit_journal") == []
    anchor_file(here).rmdir()
    done("create", "bill", *bills, "--by", "Li")
    done("approve", "bill", *bills, "--by", "Wang")
    stages = [line.split(",")[1:3] for line in anchor_file(here).read_text(encoding="utf-8").splitlines()[1:]]
    assert stages == [["planned", "3"], ["written", "3"], ["planned", "6"], ["written", "6"]]
    keep = "create table raw.kept as select * from raw.audit_journal"
    restore = ("delete from raw.audit_journal", "insert into raw.audit_journal select * from raw.kept")
    execute(here, keep)
    # What is done, the first bad row and why; which controls of the marts see it too.
    for statement, message, controls in (
        ("update raw.audit_journal set actor = 'Zhao' where seq = 4", "Row 4 of the journal says something else", []),
        ("update raw.audit_journal set actor = 'Li' where seq = 5", "Row 5 of the journal says", [("four_eyes", 1, 5)]),
        ("delete from raw.audit_journal where seq = 2", "Row 2 of the journal is missing; after it comes 3",
         [("journal_is_linked", 4, 3), ("steps_follow_each_other", 1, 5)]),
        ("delete from raw.audit_journal where seq > 4", "Row 5 of the journal is missing; row 6 was anchored", []),
        ("update raw.audit_journal set prev_hash = row_hash where seq = 3", "Row 3 of the journal does not follow",
         [("journal_is_linked", 1, 3)]),
        ("update raw.audit_journal set from_state = 2 where seq = 6", "Row 6 of the journal says",
         [("steps_follow_each_other", 1, 6)]),
        ("update raw.audit_journal set action = 'CREATE', actor = 'Zhao' where seq = 6", "Row 6 of the journal says",
         [("steps_follow_each_other", 1, 6)]),
        ("update raw.audit_journal set action = 'APPROVE' where seq = 1", "Row 1 of the journal says",
         [("steps_follow_each_other", 2, 1)]),
    ):  # fmt: skip
        execute(here, statement)
        code, _, err = told("audit", "verify")
        assert code == 4 and message in err, f"{statement}: {err}"
        assert select(here, BROKEN) == controls, statement
        execute(here, *restore)
    assert select(here, BROKEN) == []
    execute(here, "delete from raw.audit_journal where seq > 4")
    refused(
        4, "row 5 of the journal is missing; row 6 was anchored. Nothing", "approve", "bill", bills[0], "--by", "Zhao"
    )
    execute(here, *restore)

    # A row with good hashes that no decision wrote: neither a run nor the next decision anchors it.
    with open_warehouse(here) as warehouse:
        last = read_journal(Reader(warehouse))[-1]
        write_row(warehouse, linked(replace(last, actor="Zhao", from_state=1, from_name="CHECKED"), last))
        anchor_head(warehouse)
    refused(4, "Row 7 of the journal is not anchored", "verify")
    refused(4, "row 7 of the journal is not anchored", "approve", "bill", bills[0], "--by", "Zhao")
    execute(here, *restore, "drop table raw.kept")

    # Broken off between the commit and the anchor: the plan stands for it, and the next run writes it down.
    with monkeypatch.context() as patch:
        patch.setattr("settle.commands.audit.anchor_head", lambda warehouse: None)
        done("approve", "bill", bills[0], "--by", "Zhao")
    done("verify")
    with open_warehouse(here) as warehouse:
        anchor_head(warehouse)
        anchor_head(warehouse)
    stages = [line.split(",")[1:3] for line in anchor_file(here).read_text(encoding="utf-8").splitlines()[5:]]
    assert stages == [["planned", "7"], ["written", "7"]]
    anchor_file(here).unlink()
    refused(4, "Row 1 of the journal is anchored nowhere", "verify")
    refused(4, "row 1 of the journal is anchored nowhere", "approve", "bill", bills[1], "--by", "Zhao")
