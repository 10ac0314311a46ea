"""Payouts of random participants and what the bank answers, against a plain reading of the rules."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import pytest

from settle.audit.chain import JournalRow, linked
from settle.audit.desk import write as write_journal
from settle.explain.facts import facts_of
from settle.explain.rows import Reader
from settle.explain.story import Teller
from settle.settings import Settings
from settle.warehouse import open_warehouse
from tests.oracle import hand
from tests.oracle.payouts import Entry, Payouts, instruction_no
from tests.oracle.world import Row, World
from tests.oracle.worlds import write_config
from tests.warehouse.company import build, configured
from tests.warehouse.test_oracle_agrees import load

pytestmark = pytest.mark.postgres_in_campaign

DAYS = tuple(date(2026, 1, day) for day in (5, 6, 7, 8, 12, 13))
PARTICIPANTS = tuple(f"P{number}" for number in range(40))
APPROVAL = (("CREATE", "CREATED", "Li"), ("APPROVE", "CHECKED", "Wang"), ("APPROVE", "APPROVED", "Zhao"))
ITEMS = """
    select batch_id, item_key, result, pool, left_minor, right_minor, difference_minor, match_kind, opened_batch_id
    from {prefix}reconciliation.fct_reconciliation_items
    where relation = 'instructions_bank'
"""
BILLS = """
    select batch_id, participant_id, currency, settlement_date, adjustment_minor,
        carried_in_minor, carried_out_minor, net_minor
    from {prefix}settlement.fct_settlement_bills
"""
INSTRUCTIONS = "select instruction_no, amount_minor, attempt_no, status from {prefix}settlement.fct_payout_instructions"
TOTALS = """
    select batch_id, currency, left_minor, right_minor, unexplained_minor
    from {prefix}reconciliation.fct_reconciliation_totals where relation = 'instructions_bank'
"""
BROKEN = """
    select invariant from {prefix}quality.rpt_invariants where not held
    union all
    select control from {prefix}reconciliation.rpt_daily_controls where not held
"""


@dataclass
class Draft:
    """A world that is drawn batch by batch, because the bank answers what the batches before instructed."""

    draw: random.Random
    payouts: Payouts = field(default_factory=lambda: Payouts("S"))
    refundable: list[tuple[str, str, str, str]] = field(default_factory=list)

    def orders(self, place: int) -> tuple[list[Row], list[Entry]]:
        """Sales of the day or of the batch before, and refunds of some that have cleared."""
        rows, entries, sold = [], [], []
        for participant in PARTICIPANTS:
            for number in range(self.draw.choice((0, 0, 1, 1, 2))):
                order_no, day = f"{participant}-{place}-{number}", DAYS[max(0, place - self.draw.choice((0, 0, 0, 1)))]
                currency, amount = self.draw.choice((("CNY", "100"), ("CNY", "100"), ("CNY", "200"), ("JPY", "10000")))
                at = f"{day.isoformat()}T10:00:00+08:00"
                named = {"participant_id": participant, "currency": currency, "ordered_at": at}
                rows.append(hand.order(order_no, amount, **named))
                entries.append(Entry(participant, currency, day, net(currency, amount)))
                sold.append((order_no, participant, currency, amount))
        for order_no, participant, currency, amount in [*self.refundable]:
            if self.draw.random() < 0.25:
                self.refundable.remove((order_no, participant, currency, amount))
                at = f"{DAYS[place].isoformat()}T11:00:00+08:00"
                named = {"participant_id": participant, "currency": currency, "ordered_at": at}
                rows.append(hand.refund(f"R-{order_no}", order_no, amount, **named))
                entries.append(Entry(participant, currency, DAYS[place], -net(currency, amount)))
        self.refundable += sold
        return rows, entries

    def returns(self, place: int) -> list[Row]:
        """Answers to what was instructed so far, to what may be instructed next, and to what nobody instructed."""
        if place == 0:
            return []
        rows: list[Row] = []
        for name, bill in self.payouts.paid_by().items():
            for _ in range(self.draw.choice((0, 0, 1, 1, 1, 2)) if not self.payouts.answers[name] else 0):
                rows.append(self.answer(place, len(rows), name, bill.key[1], bill.net))
            if self.payouts.answers[name] and self.draw.random() < 0.05:
                rows.append(self.answer(place, len(rows), name, bill.key[1], bill.net))
        for participant in self.draw.sample(PARTICIPANTS, 3):
            if place + 1 < len(DAYS):
                name = instruction_no(place + 2, (participant, "CNY"), DAYS[place + 1], "S", 1)
                rows.append(self.answer(place, len(rows), name, "CNY", 9900))
        return [*rows, self.answer(place, len(rows), f"X{place}", "CNY", 9900)]

    def answer(self, place: int, number: int, name: str, currency: str, net_minor: int) -> Row:
        """Nearly always the right amount; every third fails or stays open."""
        amount = net_minor + self.draw.choice((0,) * 7 + (1,))
        other = currency == "CNY" and self.draw.random() < 0.05
        text = f"{amount // 100}.{amount % 100:02d}" if currency == "CNY" and not other else str(amount)
        status = self.draw.choice(("success", "success", "success", "failed", "unknown"))
        named = {"file_no": f"F{place}", "bank_txn_no": f"T{number}", "status": status}
        return hand.answer(name, text, currency="JPY" if other else currency, **named)


def net(currency: str, amount: str) -> int:
    """What an order pays: the amount less one per cent."""
    return int(amount) * (99 if currency == "CNY" else 1) - (int(amount) // 100 if currency == "JPY" else 0)


def test_random_payouts_stand_as_the_rules_say(any_home: Settings, tmp_path: Path) -> None:
    draft = Draft(random.Random(20260105))
    batches = []
    for place, day in enumerate(DAYS):
        orders, entries = draft.orders(place)
        returns = draft.returns(place)
        draft.payouts.close(place + 1, day, entries, returns)
        batches.append(hand.batch(day.isoformat(), *orders, *returns))
    tables = hand.config(participants=[hand.seed("participants", participant_id=name) for name in PARTICIPANTS])
    world, payouts = World(0, "", batches, tables), draft.payouts
    here = configured(any_home)
    write_config([world], here.config_dir, leave_out=["business_days", "currencies"])
    load(here, [world], tmp_path / "files")
    build(here)
    bills = [
        (bill.batch, *bill.key, bill.settlement_date, bill.returned, bill.carried_in, bill.carried_out, bill.net)
        for bill in payouts.bills
    ]
    instructed = [(name, bill.net, bill.attempt, payouts.status(bill)) for name, bill in payouts.paid_by().items()]
    totals = [(*key, left, right, 0) for key, (left, right) in payouts.totals.items()]
    with open_warehouse(here, read_only=True) as warehouse:
        for sql, expected in ((BILLS, bills), (INSTRUCTIONS, instructed), (ITEMS, payouts.told)):
            found = [tuple(row) for row in warehouse.execute(sql.format(prefix=here.schema_prefix))]
            missing, strange = set(expected) - set(found), set(found) - set(expected)
            assert (sorted(missing, key=str)[:9], sorted(strange, key=str)[:9]) == ([], []), sql
            assert len(found) == len(expected)
        sums = [tuple(row) for row in warehouse.execute(TOTALS.format(prefix=here.schema_prefix))]
        assert sorted(row for row in sums if row[2] or row[3]) == sorted(row for row in totals if row[2] or row[3])
        assert {row[4] for row in sums} == {0}
        assert warehouse.execute(BROKEN.format(prefix=here.schema_prefix)) == []
        reader = Reader(warehouse)
        name, _, attempt, _ = next(row for row in instructed if row[3] == "failed")
        told = Teller(reader.exponents(), reader.batch_dates(), here.zone).tree(facts_of(reader, name)).lines()
    results = {row[2] for row in payouts.told}
    assert results == {
        "matched", "matched_late", "amount_mismatch", "currency_mismatch", "status_mismatch", "platform_only",
        "channel_only", "duplicate_channel",
    }  # fmt: skip
    assert {status for *_, status in instructed} == {"created", "succeeded", "failed", "unknown"}
    assert max(attempt for _, _, attempt, _ in instructed) > 2
    assert told[0].startswith(f"bill {name.removeprefix('PAY-').removesuffix(f'-{attempt}')} of batch ")
    story = "\n".join(told)
    for said in (
        f"Payout {name}: ", f"attempt {attempt}, failed", "the bank: failed, ", "bank_returns_2026-01-",
        "status_mismatch, in the error pool 差错池, before platform_only: the bank could not pay",
        "treasury should: Have the account corrected",
    ):  # fmt: skip
        assert said in story, story


def test_rec_payout_waits_for_approval(any_home: Settings, tmp_path: Path) -> None:
    """The example of the page: approved on the 5th, and on the 7th after the bank has paid."""
    names = [instruction_no(place, ("M", "CNY"), DAYS[place - 1], "S", 1) for place in (1, 2)]
    batches = [
        hand.batch(DAYS[0].isoformat(), hand.order("A", "100.00", ordered_at="2026-01-05T10:00:00+08:00")),
        hand.batch(DAYS[1].isoformat(), hand.order("B", "100.00", ordered_at="2026-01-06T10:00:00+08:00")),
        hand.batch(DAYS[2].isoformat(), *(hand.answer(name, "99.00") for name in names)),
        hand.batch(DAYS[3].isoformat(), hand.order("C", "100.00", ordered_at="2026-01-08T10:00:00+08:00")),
    ]
    compared = hand.seed("reconciliation_rules", relation="instructions_bank", buffer_days=1)
    tables = hand.config(settlement_models=[hand.model(requires_approval="true")], reconciliation_rules=[compared])
    world = World(0, "", batches, tables)
    here = configured(any_home)
    write_config([world], here.config_dir, leave_out=["business_days", "currencies"])
    load(here, [world], tmp_path / "files")
    rows: list[JournalRow] = []
    for name, after in zip(names, (1, 3), strict=True):
        for step, (action, state, who) in enumerate(APPROVAL):
            before = APPROVAL[step - 1][1] if step else None
            row = JournalRow(
                0, "bill", name.removeprefix("PAY-"), step - 1 if step else None, before, action, step, state, who,
                "any", "", datetime(2026, 1, 5 + after, 20, step), "", after,
            )  # fmt: skip
            rows.append(linked(row, rows[-1] if rows else None))
    with open_warehouse(here) as warehouse:
        warehouse.ensure_raw_tables()
        with warehouse.transaction():
            write_journal(warehouse, rows)
    build(here)
    with open_warehouse(here, read_only=True) as warehouse:
        found = sorted(tuple(row[:4]) for row in warehouse.execute(ITEMS.format(prefix=here.schema_prefix)))
        assert found == [
            (2, f"|{names[0]}", "platform_only", "buffer"), (3, f"|{names[0]}", "matched_late", "none"),
            (3, f"|{names[1]}", "channel_only", "error"), (4, f"|{names[1]}", "matched_late", "none"),
        ]  # fmt: skip
        totals = sorted(tuple(row) for row in warehouse.execute(TOTALS.format(prefix=here.schema_prefix)))
        assert [(row[0], *row[2:]) for row in totals if row[2] or row[3]] == [
            (2, 9900, 0, 0), (3, 0, 19800, 0), (4, 9900, 0, 0),
        ]  # fmt: skip
        assert {row[4] for row in totals} == {0}
        assert warehouse.execute(BROKEN.format(prefix=here.schema_prefix)) == []
