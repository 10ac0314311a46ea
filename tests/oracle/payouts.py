"""Bills, their payout instructions and the bank's answers, batch after batch in plain Python, without SQL.

What SET-CARRY, SET-INSTRUCTION, SET-RETURN and REC-PAYOUT say. A participant's entries come as nets by settlement date.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import md5

from tests.oracle.items import minor
from tests.oracle.world import Row

BUFFER_DAYS = 3
Key = tuple[str, str]  # participant and currency
Told = tuple[int, str, str, str, int | None, int | None, int | None, str | None, int]


@dataclass(frozen=True)
class Entry:
    """What one order adds to what a participant is paid."""

    participant: str
    currency: str
    settlement_date: date
    net: int


@dataclass(frozen=True)
class Bill:
    """One bill as it was made."""

    batch: int
    key: Key
    settlement_date: date
    returned: int
    carried_in: int
    carried_out: int
    net: int
    attempt: int
    instruction_no: str


@dataclass(frozen=True)
class Standing:
    """How an item stands."""

    result: str
    pool: str
    left: int | None
    right: int | None
    difference: int | None
    match_kind: str | None
    opened: int
    opened_on: date


def instruction_no(batch: int, key: Key, settlement_date: date, model: str, attempt: int) -> str:
    """The number of the payout of a bill; accounts are not known here, so the account is empty."""
    hashed = md5(f"|{key[1]}|{model}".encode()).hexdigest()[:6]
    bill = f"B{batch}-{key[0]}-{settlement_date:%Y%m%d}-{hashed}"
    return f"PAY-{bill}" + (f"-{attempt}" if attempt > 1 else "")


@dataclass
class Payouts:
    """Everything known at the close of a batch; `close` takes the next one."""

    model: str
    carried: dict[Key, int] = field(default_factory=dict)
    bills: list[Bill] = field(default_factory=list)
    answers: dict[str, list[tuple[int, Row]]] = field(default_factory=lambda: defaultdict(list))
    unsettled: set[str] = field(default_factory=set)
    items: dict[str, Standing] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    totals: dict[tuple[int, str], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    is_compared: bool = False

    def close(self, number: int, day: date, entries: Sequence[Entry], returns: Sequence[Row]) -> None:
        """Take in the bank's answers, bill what is due, and compare."""
        final = [row for row in returns if row["status"] in ("success", "failed")]
        self.unsettled |= {row["instruction_no"] for row in returns} - {row["instruction_no"] for row in final}
        for row in sorted(final, key=lambda row: (row["status"] != "success", row["file_no"], row["bank_txn_no"])):
            self.answers[row["instruction_no"]].append((number, row))
        for key in sorted({(entry.participant, entry.currency) for entry in entries} | set(self._returned(number))):
            self._bill(number, day, key, [entry for entry in entries if (entry.participant, entry.currency) == key])
        if returns or self.is_compared:
            self._compare(number, day, {row["instruction_no"] for row in final})
            self.is_compared = True

    def paid_by(self) -> dict[str, Bill]:
        """The bills that pay something, by the number of their instruction."""
        return {bill.instruction_no: bill for bill in self.bills if bill.net}

    def status(self, bill: Bill) -> str:
        """How the instruction of a bill stands."""
        if not self.answers[bill.instruction_no]:
            return "unknown" if bill.instruction_no in self.unsettled else "created"
        row = self.answers[bill.instruction_no][0][1]
        if row["status"] == "failed":
            return "failed"
        paid = (row["currency"], minor(row["amount"], row["currency"]))
        return "succeeded" if paid == (bill.key[1], bill.net) else "unknown"

    def _returned(self, number: int) -> dict[Key, tuple[int, int]]:
        """What is payable again in this batch, and the highest attempt in it."""
        found: dict[Key, tuple[int, int]] = {}
        for bill in self.bills:
            heard = self._failed_in(bill)
            if bill.net and heard is not None and max(heard, bill.batch + 1) == number:
                amount, attempt = found.get(bill.key, (0, 0))
                found[bill.key] = (amount + bill.net, max(attempt, bill.attempt))
        return found

    def _failed_in(self, bill: Bill) -> int | None:
        answers = self.answers.get(bill.instruction_no)
        return answers[0][0] if answers and answers[0][1]["status"] == "failed" else None

    def _bill(self, number: int, day: date, key: Key, entries: list[Entry]) -> None:
        returned, attempt_before = self._returned(number).get(key, (0, 0))
        dates = {entry.settlement_date for entry in entries} | ({day} if returned else set())
        for on in sorted(dates):
            back = returned if on == day else 0
            attempt = attempt_before + 1 if back else 1
            carried_in = self.carried.get(key, 0)
            owed = carried_in + back + sum(entry.net for entry in entries if entry.settlement_date == on)
            self.carried[key] = min(0, owed)
            name = instruction_no(number, key, on, self.model, attempt)
            self.bills.append(Bill(number, key, on, back, carried_in, self.carried[key], max(0, owed), attempt, name))

    def _compare(self, number: int, day: date, answered: set[str]) -> None:
        paid_by = self.paid_by()
        new = {name for name, bill in paid_by.items() if bill.batch == number or not self.is_compared}
        for name in new:
            self.totals[number, paid_by[name].key[1]][0] += paid_by[name].net
        for name in new | (answered & set(paid_by)):
            heard, bill = self._failed_in(paid_by[name]), paid_by[name]
            if heard is not None and (max(heard, bill.batch) == number or name in new):
                self.totals[number, bill.key[1]][0] -= bill.net
        for name in sorted(new | answered):
            self._judge(number, day, f"|{name}", paid_by.get(name), self.answers[name][:1])
            for heard, row in self.answers[name]:
                if heard == number and row["status"] == "success":
                    self.totals[number, row["currency"]][1] += minor(row["amount"], row["currency"])
            for heard, row in self.answers[name][1:]:
                if heard == number:
                    self._stand(
                        number, day, f"|{name}|dup|{row['file_no']}/{row['bank_txn_no']}", "duplicate_channel", None,
                        _paid(row), _paid(row),
                    )  # fmt: skip
        for key, item in self.items.items():
            if item.result == "platform_only":
                self._stand(number, day, key, item.result, item.left, item.right, item.difference)

    def _judge(self, number: int, day: date, key: str, bill: Bill | None, first: list[tuple[int, Row]]) -> None:
        row = first[0][1] if first else None
        right = _paid(row) if row else None
        if bill is None:
            self._stand(number, day, key, "channel_only", None, right, right)
            return
        gap: int | None = (right or 0) - bill.net
        if row is None:
            result = "platform_only"
        elif row["status"] == "failed":
            result = "status_mismatch"
        elif row["currency"] != bill.key[1]:
            result, gap = "currency_mismatch", None
        else:
            result = "amount_mismatch" if gap else "matched"
        self._stand(number, day, key, result, bill.net, right, gap)

    def _stand(
        self, number: int, day: date, key: str, result: str, left: int | None, right: int | None, gap: int | None
    ) -> None:
        before = self.items.get(key)
        if result == "matched" and before and before.match_kind:
            return
        is_open = before is not None and before.pool != "none"
        opened, opened_on = (before.opened, before.opened_on) if before and is_open else (number, day)
        kind = None
        if result == "matched":
            result, kind = ("matched_late", "late") if before else ("matched", "auto")
        in_buffer = result == "platform_only" and (day - opened_on).days <= BUFFER_DAYS
        pool = "none" if kind else "buffer" if in_buffer else "error"
        now = Standing(result, pool, left, right, gap, kind, opened, opened_on)
        if before is None or (before.result, before.pool, before.left, before.right) != (result, pool, left, right):
            self.told.append((number, key, result, pool, left, right, gap, kind, opened))
        self.items[key] = now


def _paid(row: Row) -> int:
    return 0 if row["status"] == "failed" else minor(row["amount"], row["currency"])
