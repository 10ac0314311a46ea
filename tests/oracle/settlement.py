"""Entries, their dates, what blocks them, and bills with carried balances (DOMAIN section 7)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

from tests.oracle.orders import Order
from tests.oracle.world import Output, Row, World, as_bool, in_force

CarryKey = tuple[str, str, str, str]  # participant, account, currency, model


@dataclass
class Entry:
    """What one order version owes one participant under one model."""

    batch_id: int
    order: Order
    participant_id: str
    model: Row
    kind: str
    settlement_date: date
    gross: int = 0
    fee: int = 0
    charge: int = 0
    billed_batch: int | None = None
    blocked_by: str = ""

    @property
    def net(self) -> int:
        """What is paid: gross less fees and charges; refunds carry all of them negative."""
        return self.gross - self.fee - self.charge


@dataclass
class Settler:
    """Collects entries and bills those that are due."""

    world: World
    entries: list[Entry] = field(default_factory=list)
    by_key: dict[tuple[str, int, str, str, str], Entry] = field(default_factory=dict)
    carried: dict[CarryKey, int] = field(default_factory=dict)
    bills: list[Output] = field(default_factory=list)
    open_days: dict[str, list[date]] = field(default_factory=dict)

    def business_days(self, calendar_code: str) -> list[date]:
        """The business days of a calendar in order."""
        if calendar_code not in self.open_days:
            self.open_days[calendar_code] = sorted(
                date.fromisoformat(row["calendar_date"])
                for row in self.world.table("business_days")
                if row["calendar_code"] == calendar_code and as_bool(row["is_business_day"])
            )
        return self.open_days[calendar_code]

    def settlement_date(self, model: Row, on: date) -> date:
        """Dn or Tn from an order's own date."""
        kind, count = model["cycle"][0], int(model["cycle"][1:])
        if kind == "D":
            day = on + timedelta(days=count)
            if model["roll"] != "following":
                return day
            return next(open_day for open_day in self.business_days(model["calendar_code"]) if open_day >= day)
        days = self.business_days(model["calendar_code"])
        if count == 0:
            return next(open_day for open_day in days if open_day >= on)
        return [open_day for open_day in days if open_day > on][count - 1]

    def entry(self, batch_id: int, order: Order, participant_id: str, model: Row) -> Entry:
        """The entry of an order version, participant and model; made when it is not there yet."""
        kind = "refund" if order.direction == "refund" else "new"
        return self._entry(batch_id, order, participant_id, model, kind, order.ordered_on)

    def reverse(self, batch_id: int, order: Order, on: date) -> None:
        """Take back all entries of an order version, dated by the version that corrects it."""
        for entry in list(self.entries):
            if (entry.order.order_no, entry.order.version, entry.kind) == (order.order_no, order.version, "new"):
                back = self._entry(batch_id, order, entry.participant_id, entry.model, "reversal", on)
                back.gross, back.fee, back.charge = -entry.gross, -entry.fee, -entry.charge

    def _entry(self, batch_id: int, order: Order, participant_id: str, model: Row, kind: str, on: date) -> Entry:
        key = (order.order_no, order.version, participant_id, model["model_code"], kind)
        if key not in self.by_key:
            due = self.settlement_date(model, on)
            self.by_key[key] = Entry(batch_id, order, participant_id, model, kind, due)
            self.entries.append(self.by_key[key])
        return self.by_key[key]

    def bill(self, batch_id: int, batch_date: date, is_open: Callable[[Order], bool]) -> None:
        """Bill what may settle in this batch; the rest waits with its reasons."""
        due = []
        for entry in self.entries:
            if entry.billed_batch is not None:
                continue
            entry.blocked_by = ";".join(self._blocks(entry, batch_date, is_open))
            if not entry.blocked_by:
                entry.billed_batch = batch_id
                due.append(entry)
        groups: dict[tuple[str, str, str, str, date], list[Entry]] = {}
        for entry in due:
            groups.setdefault((*self._carry_key(entry), entry.settlement_date), []).append(entry)
        for key in sorted(groups):
            self._write_bill(batch_id, key, groups[key])

    def _blocks(self, entry: Entry, batch_date: date, is_open: Callable[[Order], bool]) -> list[str]:
        blocks = []
        if entry.settlement_date > batch_date:
            blocks.append("not_due")
        if as_bool(entry.model["requires_channel_match"]) and is_open(entry.order):
            blocks.append("not_reconciled")
        targets = {("participant", entry.participant_id), ("order", entry.order.order_no)}
        if any(
            (hold["scope"], hold["target"]) in targets and in_force(hold, batch_date)
            for hold in self.world.table("risk_holds")
        ):
            blocks.append("risk_hold")
        return blocks

    def _carry_key(self, entry: Entry) -> CarryKey:
        kind, currency = entry.model["settle_account_kind"], entry.order.currency
        numbers = [
            row["account_no"]
            for row in self.world.table("accounts")
            if row["participant_id"] == entry.participant_id
            and row["account_kind"] == kind
            and row["currency"] == currency
        ]
        return (entry.participant_id, min(numbers) if numbers else "", currency, entry.model["model_code"])

    def _write_bill(self, batch_id: int, key: tuple[str, str, str, str, date], entries: list[Entry]) -> None:
        carry_key = (key[0], key[1], key[2], key[3])
        sales = [entry for entry in entries if entry.order.direction == "payment"]
        refunds = [entry for entry in entries if entry.order.direction == "refund"]
        carried_in = self.carried.get(carry_key, 0)
        total = sum(entry.net for entry in entries) + carried_in
        carried_out = min(0, total)
        self.carried[carry_key] = carried_out
        self.bills.append(
            {
                "batch_id": batch_id,
                "participant_id": key[0],
                "account_no": key[1],
                "currency": key[2],
                "model_code": key[3],
                "settlement_date": key[4],
                "entry_count": len(entries),
                "gross_minor": sum(entry.gross for entry in sales),
                "refund_minor": -sum(entry.gross for entry in refunds),
                "fee_minor": sum(entry.fee for entry in entries),
                "charge_minor": sum(entry.charge for entry in entries),
                "carried_in_minor": carried_in,
                "carried_out_minor": carried_out,
                "net_minor": max(0, total),
            }
        )
