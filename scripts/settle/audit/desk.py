"""Decisions on reports and bills: judged against the warehouse as it stands, written as one chain, anchored outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from settle.audit.anchor import append_anchor, head_not_anchored, plan_anchor, read_anchors
from settle.audit.chain import COLUMNS, Anchor, BrokenLink, JournalRow, first_broken, linked
from settle.audit.kinds import KINDS, contents
from settle.audit.machine import REJECTED, Rules, Wanted, decided, read_rules, this_round
from settle.errors import ColumnError, DecisionNeededError, InputError
from settle.explain.rows import Reader
from settle.warehouse import Warehouse

JOURNAL = "raw.audit_journal"
# States of a thing that may go out, or has gone.
APPROVED_STATES = ("APPROVED", "SENT")


def read_journal(reader: Reader, where: str = "true", params: Sequence[Any] = ()) -> list[JournalRow]:
    """The rows of the journal, oldest first."""
    return [JournalRow(**row) for row in reader.rows(JOURNAL, COLUMNS, where, params, order="seq")]


class Desk:
    """Takes decisions one after the other; what it has taken counts for the next one."""

    def __init__(self, reader: Reader, wanted: Sequence[Wanted]) -> None:
        self.reader = reader
        self.rules: Rules = read_rules(reader.warehouse.settings)
        self.now = datetime.now(UTC).replace(tzinfo=None)
        marks = reader.rows("meta.model_batches", ("batch_id",), order="batch_id desc limit 1")
        self.after_batch_id = int(marks[0]["batch_id"]) if marks else 0
        last = reader.rows(JOURNAL, ("max(seq)",))
        self.head = next(iter(read_journal(reader, "seq = ?", (last[0]["max(seq)"],))), None) if last else None
        broken = head_not_anchored(self.head, reader.warehouse.settings)
        if broken is not None:
            raise DecisionNeededError(
                f"row {broken.seq} of the journal {broken.text}. Nothing was written. Find out who changed it: "
                "settle audit verify"
            )
        self.journals: dict[tuple[str, str], list[JournalRow]] = {}
        self.contents: dict[str, dict[str, str]] = {}
        for kind in dict.fromkeys(each.object_kind for each in wanted):
            ids = [each.object_id for each in wanted if each.object_kind == kind]
            if kind in KINDS:
                self.contents[kind] = contents(reader, kind, ids)
            for row in read_journal(reader, "object_kind = ?", (kind,)):
                self.journals.setdefault((kind, row.object_id), []).append(row)

    def decide(self, wanted: Wanted) -> JournalRow:
        """The row that the wanted decision becomes, linked. Raises ColumnError when it cannot be taken."""
        held = self.contents.get(wanted.object_kind)
        if held is None:
            raise ColumnError(InputError(f"is no kind of object. Use one of {', '.join(KINDS)}."), "object_kind")
        journal = self.journals.setdefault((wanted.object_kind, wanted.object_id), [])
        taken = decided(wanted, journal, held.get(wanted.object_id), self.rules, self.now)
        row = linked(replace(taken, after_batch_id=self.after_batch_id), self.head)
        journal.append(row)
        self.head = row
        return row


def write(warehouse: Warehouse, rows: Sequence[JournalRow]) -> None:
    """Append the rows and plan their anchor; inside the caller's transaction, which `anchor_head` follows."""
    places = ", ".join("?" * len(COLUMNS))
    for row in rows:
        warehouse.execute(
            f"insert into {warehouse.schema('raw')}.audit_journal ({', '.join(COLUMNS)}) values ({places})",
            row.values(),
        )
    if rows:
        plan_anchor(warehouse.settings, Anchor(rows[-1].seq, rows[-1].row_hash))


def anchor_head(warehouse: Warehouse) -> None:
    """AUDIT-CHAIN: write down outside the database that the head, if a decision planned it, is committed."""
    reader = Reader(warehouse)
    heads = reader.rows(JOURNAL, ("seq", "row_hash"), order="seq desc limit 1")
    if heads:
        append_anchor(warehouse.settings, Anchor(int(heads[0]["seq"]), str(heads[0]["row_hash"])))


def refuse_unapproved(reader: Reader, kind: str, object_id: str) -> None:
    """AUDIT-PAYOUTS: raises DecisionNeededError unless the object is approved and still what was approved."""
    journal = read_journal(reader, "object_kind = ? and object_id = ?", (kind, object_id))
    if not journal:
        raise InputError(f"{kind} {object_id} is not under audit. Nothing was written. See: settle audit list")
    last = journal[-1]
    if last.to_name not in APPROVED_STATES:
        raise DecisionNeededError(
            f"{kind} {object_id} is {last.to_name}, and nothing goes out that is not approved. Nothing was written. "
            f"See for whom it waits: settle audit list --kind {kind}"
        )
    if contents(reader, kind, [object_id]).get(object_id) != this_round(journal)[0].content_hash:
        raise DecisionNeededError(
            f"{kind} {object_id} has changed since it was put under audit, so it is not what was approved. Nothing was "
            "written. Find out what changed: settle audit verify"
        )


def objects(reader: Reader) -> list[dict[str, Any]]:
    """Every object under audit as it stands, with who can take it on."""
    rules = read_rules(reader.warehouse.settings)
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in read_journal(reader):
        key = (row.object_kind, row.object_id)
        entry = found.setdefault(key, {"object_kind": row.object_kind, "object_id": row.object_id})
        steps = rules.steps(row.object_kind, row.to_state)
        entry |= {
            "state": row.to_name,
            "state_no": row.to_state,
            "decided_by": row.actor,
            "decided_at": row.decided_at,
            "waits_for": sorted({step.actor_role for step in steps if step.action != "CREATE"}),
        }
    return [found[key] for key in sorted(found)]


def verified(reader: Reader) -> tuple[int, BrokenLink | None, list[str]]:
    """Rows of the journal, the first one that is not what was written, and the objects that changed under audit."""
    rows = read_journal(reader)
    broken = first_broken(rows, read_anchors(reader.warehouse.settings, rows))
    last = {(row.object_kind, row.object_id): row for row in rows}
    changed = []
    for kind in KINDS:
        open_rows = {key[1]: row for key, row in last.items() if key[0] == kind and row.to_state != REJECTED}
        if open_rows:
            now = contents(reader, kind, open_rows)
            changed += [f"{kind} {name}" for name, row in open_rows.items() if now.get(name) != row.content_hash]
    return len(rows), broken, changed
