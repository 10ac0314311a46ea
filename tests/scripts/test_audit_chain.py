"""The audit journal without a warehouse: every tamper is found, every decision that may not be taken is refused."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from settle.audit.chain import Anchor, JournalRow, canonical, content_hash, first_broken, linked
from settle.audit.machine import Rules, Transition, Wanted, decided, read_rules
from settle.errors import ColumnError, DecisionNeededError, InputError
from settle.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 1, 8, 9, 30)
TAMPERS = 1_000
FIELDS = [field.name for field in fields(JournalRow)]


def rules(**roles: str) -> Rules:
    """The shipped steps, with the shipped people or others."""
    shipped = read_rules(Settings.from_environment({"SETTLE_PROJECT": str(ROOT)}))
    return replace(shipped, roles={name: frozenset(text.split()) for name, text in roles.items()} or shipped.roles)


RULES = rules()


def taken(journal: list[JournalRow], action: str, by: str, content: str = "C1", **words: str) -> list[JournalRow]:
    """The journal of one bill after one more decision."""
    wanted = Wanted("bill", "B1", action, by, **words)
    return [*journal, linked(decided(wanted, journal, content, RULES, NOW), journal[-1] if journal else None)]


def random_journal(chance: random.Random) -> list[JournalRow]:
    """A chain of decisions on a few bills; which steps they are is no matter of the chain."""
    rows: list[JournalRow] = []
    for number in range(chance.randint(2, 12)):
        first = chance.random() < 0.4
        row = JournalRow(
            0, "bill", f"B{chance.randint(1, 3)}", None if first else chance.randint(0, 2),
            None if first else "CREATED", "CREATE" if first else "APPROVE", chance.randint(0, 3), "CHECKED",
            chance.choice(["Li", "Wang", "赵"]), "checker", chance.choice(["", "ok", "1:x"]),
            NOW + timedelta(seconds=number), f"{chance.getrandbits(64):064x}",
        )  # fmt: skip
        rows.append(linked(row, rows[-1] if rows else None))
    return rows


def changed(chance: random.Random, row: JournalRow) -> JournalRow:
    """The row with one field other than it was."""
    name = chance.choice(FIELDS)
    old: Any = getattr(row, name)
    new: Any
    if isinstance(old, datetime):
        new = old + timedelta(microseconds=1)
    elif isinstance(old, int):
        new = chance.choice([old + 1, old - 1, old + 100])
    elif old is None:
        new = 0 if name == "from_state" else ""
    else:
        new = chance.choice([old + "x", old[:-1] if old else "y", old.swapcase() + "z"])
    return replace(row, **{name: new})


def rechained(rows: Sequence[JournalRow], start: int) -> list[JournalRow]:
    """All hashes from a place on made anew, as one would who knows how."""
    kept = list(rows[:start])
    for row in rows[start:]:
        kept.append(linked(row, kept[-1] if kept else None))
    return kept


def tampered(chance: random.Random, rows: list[JournalRow]) -> tuple[str, int, list[JournalRow]]:
    """What somebody did to the table: its name, the first place it touches (from 0), and the rows then."""
    how = chance.choice(["edit", "edit and rechain", "delete", "insert", "insert and rechain", "swap", "truncate"])
    place = chance.randrange(len(rows))
    row = rows[place]
    if how == "edit":
        return how, place, [*rows[:place], changed(chance, row), *rows[place + 1 :]]
    if how == "edit and rechain":
        return how, place, rechained([*rows[:place], replace(row, actor="Mallory"), *rows[place + 1 :]], place)
    if how == "delete":
        return how, place, [*rows[:place], *rows[place + 1 :]]
    if how == "insert":
        return how, place, [*rows[:place], replace(row, comment="forged"), *rows[place:]]
    if how == "insert and rechain":
        place = chance.randint(0, len(rows))
        return how, place, rechained([*rows[:place], replace(row, actor="Mallory"), *rows[place:]], place)
    if how == "swap":
        place, other = sorted(chance.sample(range(len(rows)), 2))
        swapped = [*rows]
        swapped[place], swapped[other] = replace(rows[other], seq=place + 1), replace(row, seq=other + 1)
        return how, place, swapped
    return how, place, rows[:place]


def test_audit_chain_finds_a_thousand_random_tampers_and_names_the_first_bad_row() -> None:
    found: dict[str, int] = {}
    for seed in range(TAMPERS):
        chance = random.Random(seed)
        rows = random_journal(chance)
        anchors = [Anchor(row.seq, row.row_hash) for row in rows]
        assert first_broken(rows, anchors) is None, f"seed {seed}: nothing was done to it"
        how, place, bad = tampered(chance, rows)
        chance.shuffle(bad)
        broken = first_broken(bad, anchors)
        assert broken is not None, f"seed {seed}: {how} at row {place + 1} was not found"
        # A number that was edited shows where it is missing, or where it stands twice before that.
        renumbered = how == "edit" and {row.seq for row in bad} != {row.seq for row in rows}
        assert renumbered or broken.seq == place + 1, f"seed {seed}: {how} at row {place + 1}, found {broken}"
        found[how] = found.get(how, 0) + 1
    assert sum(found.values()) == TAMPERS and min(found.values()) > 50 and len(found) == 7, found


def test_audit_chain_without_an_anchor_or_after_the_last_one_is_told() -> None:
    rows = random_journal(random.Random(1))
    anchors = [Anchor(row.seq, row.row_hash) for row in rows]
    told = first_broken(rows, [])
    assert told is not None and told.seq == 1 and "anchored nowhere" in told.text
    told = first_broken(rows, anchors[:-1])
    assert told is not None and told.seq == len(rows) and "is not anchored" in told.text
    told = first_broken([], anchors)
    assert told is not None and told.seq == 1 and told.text == "is missing; row 1 was anchored"
    assert first_broken([], []) is None


def test_audit_chain_is_over_texts_that_cannot_be_taken_for_each_other() -> None:
    assert canonical(["ab", "c"]) == b"2:ab1:c" != canonical(["a", "bc"])
    assert canonical([None, ""]) == b"-0:" and canonical(["分", 7, True]) == "3:分1:74:true".encode()
    assert canonical([Decimal("1.50"), Decimal(100)]) == b"3:1.53:100"
    with pytest.raises(TypeError, match="float has no canonical text"):
        canonical([0.1])


def test_audit_freeze_hash_is_over_rows_in_any_order_with_the_names_of_their_columns() -> None:
    rows = [{"order_no": "A", "amount": 1}, {"order_no": "B", "amount": 2}]
    assert content_hash(rows) == content_hash(rows[::-1]) == content_hash([dict(reversed(row.items())) for row in rows])
    others = [rows[:1], [*rows, rows[0]], [{"order_no": "A", "amount": 2}, rows[1]], [{"order": "A", "amount": 1}]]
    assert len({content_hash(each) for each in (rows, *others)}) == 5


def test_audit_states_go_one_step_on_and_end_where_nothing_follows() -> None:
    journal: list[JournalRow] = []
    for action, by in (("CREATE", "Li"), ("APPROVE", "Wang"), ("APPROVE", "Zhao"), ("APPROVE", "Chen")):
        journal = taken(journal, action, by)
    assert [(row.from_name, row.action, row.to_name, row.to_state, row.role) for row in journal] == [
        (None, "CREATE", "CREATED", 0, "maker"),
        ("CREATED", "APPROVE", "CHECKED", 1, "checker"),
        ("CHECKED", "APPROVE", "APPROVED", 2, "approver"),
        ("APPROVED", "APPROVE", "PAID", 3, "sender"),
    ]
    # What the shipped table says of every kind: the same way, to another end.
    ends = {step.object_kind: step.to_name for step in RULES.transitions if step.to_state == 3}
    assert ends == {"bill": "PAID", "spv_report_out": "SENT", "spv_report_in": "BOOKED", "payout_file": "SENT"}


def test_audit_states_without_a_create_begin_where_no_step_leads_to() -> None:
    steps = tuple(step for step in RULES.transitions if step.action != "CREATE")
    own = Rules((*steps, Transition("memo", 7, "DRAFT", "APPROVE", 8, "DONE", "clerk")), {"Li": frozenset({"clerk"})})
    row = decided(Wanted("memo", "M1", "CREATE", "Li"), [], "C", own, NOW)
    assert (row.to_state, row.to_name, row.role) == (7, "DRAFT", "clerk")
    assert decided(Wanted("bill", "B", "CREATE", "Li"), [], "C", own, NOW).to_name == "CREATED"


CREATED = taken([], "CREATE", "Li")
CHECKED = taken(CREATED, "APPROVE", "Wang")
REJECTED = taken(CREATED, "REJECT", "Wang", comment="disputed")
PAID = taken(taken(CHECKED, "APPROVE", "Zhao"), "APPROVE", "Chen")
# Journal, decision, content now, exit code, column, message.
REFUSED = {
    "audit_states_unknown_kind": (CREATED, Wanted("invoice", "B1", "APPROVE", "Wang"), "C1", 2, "object_kind",
        "is no kind of object. Use one of bill, payout_file, spv_report_in, spv_report_out."),
    "audit_states_unknown_action": (CREATED, Wanted("bill", "B1", "PAY", "Wang"), "C1", 2, "action",
        "is no action. Use one of CREATE, APPROVE, REJECT."),
    "audit_states_not_built": ([], Wanted("bill", "B1", "CREATE", "Li"), None, 2, "object_id",
        "is no bill that is built. See: settle status"),
    "audit_states_twice": (CREATED, Wanted("bill", "B1", "CREATE", "Li"), "C1", 2, "object_id",
        "is under audit already: CREATED. See: settle audit journal bill B1"),
    "audit_states_not_created": ([], Wanted("bill", "B1", "APPROVE", "Wang"), "C1", 2, "object_id",
        "is not under audit. Begin with: settle audit create bill B1"),
    "audit_states_final": (PAID, Wanted("bill", "B1", "APPROVE", "Zhao"), "C1", 2, "object_id",
        "is PAID, which is final and takes no action. See: settle audit journal bill B1"),
    "audit_states_after_rejection": (REJECTED, Wanted("bill", "B1", "APPROVE", "Wang"), "C1", 2, "object_id",
        "is REJECTED, which is final and takes no action. See: settle audit journal bill B1"),
    "audit_states_rejected_and_unchanged": (REJECTED, Wanted("bill", "B1", "CREATE", "Li"), "C1", 2, "object_id",
        "was rejected and has not changed since. Have it corrected first, then create it again."),
    "audit_eyes_nobody": (CREATED, Wanted("bill", "B1", "APPROVE", " "), "C1", 2, "by",
        "is missing. Say who decides: --by NAME, or SETTLE_ACTOR"),
    "audit_eyes_unknown_person": (CREATED, Wanted("bill", "B1", "APPROVE", "wang"), "C1", 2, "by",
        "has no role in audit_roles.csv. Add the person there, or mend the name."),
    "audit_eyes_no_reason": (CREATED, Wanted("bill", "B1", "REJECT", "Wang"), "C1", 2, "comment",
        "is missing. Say why it is rejected: --comment TEXT"),
    "audit_eyes_creator": (CREATED, Wanted("bill", "B1", "APPROVE", "Li"), "C1", 4, "by",
        "put it under audit, so somebody else must approve B1."),
    "audit_eyes_twice": (CHECKED, Wanted("bill", "B1", "APPROVE", "Wang"), "C1", 4, "by",
        "approved it already (CHECKED), so somebody else must approve B1."),
    "audit_eyes_role": (CREATED, Wanted("bill", "B1", "APPROVE", "Chen"), "C1", 4, "by",
        "is no checker, who takes bill from CREATED to CHECKED. Ask Li or Wang."),
    "audit_stale": (CHECKED, Wanted("bill", "B1", "APPROVE", "Zhao", seen="CREATED"), "C1", 4, "seen",
        "is no longer the state: it is CHECKED (1) since Wang decided. Look at it again, then decide."),
    "audit_stale_not_under_audit": ([], Wanted("bill", "B1", "APPROVE", "Zhao", seen="0"), "C1", 4, "seen",
        "is no longer the state: it is not under audit. Look at it again, then decide."),
    "audit_freeze": (CREATED, Wanted("bill", "B1", "APPROVE", "Wang"), "C2", 4, "object_id",
        "has changed since Li put it under audit: what was checked is not what would be approved. Look at it; then "
        "reject it, and put it under audit again."),
    "audit_freeze_gone": (CREATED, Wanted("bill", "B1", "APPROVE", "Wang"), None, 4, "object_id", "has changed since"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_audit_eyes_audit_stale_and_all_else_that_is_refused(name: str) -> None:
    journal, wanted, content, code, column, message = REFUSED[name]
    with pytest.raises(ColumnError) as refused:
        decided(wanted, journal, content, RULES, NOW)
    assert (refused.value.exit_code, refused.value.column) == (code, column)
    assert type(refused.value.refusal) is (InputError if code == 2 else DecisionNeededError)
    assert str(refused.value).startswith(message)


def test_audit_freeze_lets_a_changed_object_be_rejected_and_come_again() -> None:
    journal = taken(CREATED, "REJECT", "Wang", content="C2", comment="other fees now")
    assert journal[-1].content_hash == "C1", "what was frozen is what was rejected"
    again = taken(journal, "CREATE", "Li", content="C2")
    assert [row.content_hash for row in again] == ["C1", "C1", "C2"]
    # A new round: who looked at the first one may look at this one.
    assert taken(again, "APPROVE", "Wang", content="C2", seen="0")[-1].to_name == "CHECKED"


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("audit_roles.csv", "actor\nLi\n", r"audit_roles.csv:1: the header lacks role."),
        ("audit_transitions.csv", "{},x,CREATED,APPROVE,1,CHECKED,checker", r"\"from_state\": 'x' is no state"),
        ("audit_transitions.csv", "{},,CREATED,APPROVE,1,CHECKED,checker", r"\"from_state\": '' is no state"),
        ("audit_transitions.csv", "{},0,CREATED,PAY,1,CHECKED,checker", r"\"action\": 'PAY' is no action"),
        ("audit_transitions.csv", "{},0,CREATED,APPROVE,1,CHECKED,", r"\"actor_role\": is empty"),
    ],
)  # fmt: skip
def test_audit_states_and_roles_of_a_folder_are_read_or_refused(
    file: str, text: str, message: str, tmp_path: Path
) -> None:
    header = "object_kind,from_state,from_name,action,to_state,to_name,actor_role\n"
    (tmp_path / file).write_text(text.replace("{}", header + "bill"), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_rules(Settings.from_environment({"SETTLE_PROJECT": str(ROOT), "SETTLE_CONFIG": str(tmp_path)}))
