"""A small world under construction: orders, lines, statement lines and the answer key, day by day."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Any

EXPONENTS = {"CNY": 2, "USD": 2, "JPY": 0}

# Parts per million, rounding, the least and the most in minor units.
ChannelFee = tuple[int, str, int, int | None]
# What a channel keeps per payment: as the rules FEE_ALIPAY and FEE_WECHAT of the demo company (a test compares them).
CHANNEL_FEES: dict[str, ChannelFee] = {"ALIPAY": (6_000, "half_up", 0, None), "WECHAT": (6_000, "half_even", 1, 20_000)}


@dataclass(frozen=True)
class Order:
    """One order version; fields are the columns of the canonical file, in its order, all text."""

    order_no: str
    version: str
    order_type: str
    product_code: str
    participant_id: str
    customer_id: str
    channel_code: str
    currency: str
    amount: str
    status: str
    ordered_at: str
    paid_at: str
    original_order_no: str
    attributes: str


@dataclass(frozen=True)
class OrderLine:
    """One line of an order version, as in the canonical file."""

    order_no: str
    version: str
    line_no: str
    participant_id: str
    product_code: str
    amount: str
    attributes: str


@dataclass(frozen=True)
class Payment:
    """One statement line, as in the canonical file."""

    channel_code: str
    channel_txn_no: str
    order_no: str
    txn_type: str
    amount: str
    fee: str
    currency: str
    status: str
    pay_method: str
    account_no: str
    completed_at: str
    settlement_batch_no: str


@dataclass(frozen=True)
class Deposit:
    """One entry of a bank statement, as in the canonical file."""

    account_no: str
    bank_ref_no: str
    booked_on: str
    direction: str
    amount: str
    currency: str
    settlement_batch_no: str
    narrative: str
    balance: str


@dataclass(frozen=True)
class Report:
    """One line of an SPV's report, as in the canonical file."""

    spv_code: str
    report_kind: str
    spv_txn_no: str
    order_no: str
    product_code: str
    amount: str
    principal: str
    interest: str
    fee: str
    currency: str
    status: str
    confirmed_on: str


@dataclass(frozen=True)
class BankAnswer:
    """One answer of the bank to a payout instruction, as in the canonical file."""

    file_no: str
    instruction_no: str
    bank_txn_no: str
    amount: str
    currency: str
    status: str
    failure_code: str
    failure_reason: str
    processed_at: str


@dataclass(frozen=True)
class Answer:
    """What is expected at the end of the ten days for one planted break.

    `result` and `pool` are those of the reconciliation item `item_key` (empty where none exists), `reason` the
    clearing exception (empty where the order clears or is not due), `batch_date` the day on which it was planted.
    """

    order_no: str
    channel_code: str
    kind: str
    item_key: str
    result: str
    pool: str
    match_kind: str
    reason: str
    batch_date: str


@dataclass
class Day:
    """The files of one batch date."""

    batch_date: date
    orders: list[Order] = field(default_factory=list)
    order_lines: list[OrderLine] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    bank_deposits: list[Deposit] = field(default_factory=list)
    spv_reports: list[Report] = field(default_factory=list)
    bank_returns: list[BankAnswer] = field(default_factory=list)


def major(minor: int, currency: str = "CNY") -> str:
    """Minor units as the decimal text of a file: 1050 CNY -> "10.50", 1050 JPY -> "1050"."""
    exponent = EXPONENTS.get(currency, 2)
    if exponent == 0:
        return str(minor)
    unit = 10**exponent
    return f"{'-' if minor < 0 else ''}{abs(minor) // unit}.{abs(minor) % unit:0{exponent}d}"


def channel_fee(channel: str, minor: int, fees: Mapping[str, ChannelFee] = CHANNEL_FEES) -> int | None:
    """The fee in minor units that the channel's statement shows for one order line; None where it shows none."""
    if channel not in fees:
        return None
    ppm, rounding, least, most = fees[channel]
    whole, rest = divmod(minor * ppm, 1_000_000)
    if rest * 2 > 1_000_000 or (rest * 2 == 1_000_000 and (rounding == "half_up" or whole % 2 == 1)):
        whole += 1
    return min(max(whole, least), whole if most is None else most)


class World:
    """Adds orders and statement lines to days; every number in it follows from the seed."""

    def __init__(self, days: Sequence[date], seed: int | str, fees: Mapping[str, ChannelFee] = CHANNEL_FEES) -> None:
        self.days = [Day(day) for day in days]
        self.fees = fees
        self.random = random.Random(seed)
        self.answers: list[Answer] = []
        self._numbers: dict[str, int] = {}

    def number(self, prefix: str) -> str:
        """The next number of a series: A-0001, A-0002, …"""
        self._numbers[prefix] = self._numbers.get(prefix, 0) + 1
        return f"{prefix}-{self._numbers[prefix]:04d}"

    def time_on(self, day: date) -> str:
        """A time of that day in the mall's zone, between 09:00 and 21:59."""
        draw = self.random
        return f"{day.isoformat()}T{draw.randint(9, 21):02d}:{draw.randint(0, 59):02d}:{draw.randint(0, 59):02d}+08:00"

    def order(
        self,
        day: int,
        minor: int | None,
        *,
        order_no: str | None = None,
        version: int = 1,
        order_type: str = "sale",
        product: str = "RETAIL",
        participant: str = "M001",
        channel: str = "ALIPAY",
        currency: str = "CNY",
        status: str = "success",
        on: date | None = None,
        original: str = "",
        attributes: Mapping[str, str | int] | None = None,
        lines: Sequence[tuple[str, str, int]] = (),
        at: str | None = None,
    ) -> Order:
        """Add an order to the files of day `day` (0 is the first); `minor` None leaves the header amount empty.

        `lines` are (participant, product, minor) each; `on` is the order's own date if it is not the batch date.
        """
        number = order_no or self.number({"refund": "R", "subscription": "L", "repayment": "L"}.get(order_type, "A"))
        ordered_at = at or self.time_on(on or self.days[day].batch_date)
        order = Order(
            order_no=number,
            version=str(version),
            order_type=order_type,
            product_code=product,
            participant_id="" if lines else participant,
            customer_id=f"C{self.random.randint(1, 300):04d}",
            channel_code=channel,
            currency=currency,
            amount="" if minor is None else major(minor, currency),
            status=status,
            ordered_at=ordered_at,
            paid_at=ordered_at if status == "success" else "",
            original_order_no=original,
            attributes=json.dumps(dict(attributes), separators=(",", ":"), sort_keys=True) if attributes else "",
        )
        self.days[day].orders.append(order)
        for line_no, (seller, line_product, line_minor) in enumerate(lines, start=1):
            line = OrderLine(number, str(version), str(line_no), seller, line_product, major(line_minor, currency), "")
            self.days[day].order_lines.append(line)
        return order

    def pay(
        self,
        day: int,
        order_no: str,
        minor: int,
        *,
        channel: str = "ALIPAY",
        currency: str = "CNY",
        txn_type: str = "payment",
        status: str = "success",
        fee_of: Sequence[int] | None = None,
        fee: int | None = None,
        settlement_batch_no: str | None = None,
    ) -> Payment:
        """Add a statement line to day `day`. The fee is that of each amount in `fee_of` (default: the line's own); its
        settlement batch is that of channel and day unless another is named.
        """
        parts = [channel_fee(channel, part, self.fees) for part in (fee_of if fee_of is not None else (minor,))]
        shown = sum(part for part in parts if part is not None) if fee is None else fee
        if txn_type == "refund":
            shown = 0
        batch_date = self.days[day].batch_date
        payment = Payment(
            channel_code=channel,
            channel_txn_no=self.number(f"T{channel[0]}"),
            order_no=order_no,
            txn_type=txn_type,
            amount=major(minor, currency),
            fee="" if channel not in self.fees else major(shown, currency),
            currency=currency,
            status=status,
            pay_method="cash" if channel == "OFFLINE" else "balance",
            account_no="",
            completed_at=self.time_on(batch_date),
            settlement_batch_no=(
                f"{channel}-{batch_date:%Y%m%d}" if settlement_batch_no is None else settlement_batch_no
            ),
        )
        self.days[day].payments.append(payment)
        return payment

    def expect(
        self,
        day: int,
        order_no: str,
        kind: str,
        result: str,
        pool: str,
        *,
        channel: str = "ALIPAY",
        match_kind: str = "",
        reason: str = "",
        key: str | None = None,
    ) -> None:
        """Write down what this order must come to at the end of the ten days."""
        item_key = key if key is not None else f"{channel}|{order_no}"
        kind_of_match = match_kind or {"matched": "auto", "matched_late": "late"}.get(result, "")
        batch_date = self.days[day].batch_date.isoformat()
        self.answers.append(Answer(order_no, channel, kind, item_key, result, pool, kind_of_match, reason, batch_date))


def write_world(world: World, folder: Path) -> list[Path]:
    """Write orders_D.csv, order_lines_D.csv and payments_D.csv for every day, and answers.csv; returns the paths."""
    written = write_days(world.days, folder)
    written.append(write_rows(folder / "answers.csv", Answer, world.answers))
    return written


def write_days(days: Sequence[Day], folder: Path) -> list[Path]:
    """Write orders_D.csv, order_lines_D.csv and payments_D.csv for every day, and the other datasets where a day has
    rows of them; returns the paths.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for day in days:
        for name, kind, rows in (
            ("orders", Order, day.orders),
            ("order_lines", OrderLine, day.order_lines),
            ("payments", Payment, day.payments),
        ):
            written.append(write_rows(folder / f"{name}_{day.batch_date.isoformat()}.csv", kind, rows))
        if day.bank_deposits:
            path = folder / f"bank_deposits_{day.batch_date.isoformat()}.csv"
            written.append(write_rows(path, Deposit, day.bank_deposits))
        if day.spv_reports:
            path = folder / f"spv_reports_{day.batch_date.isoformat()}.csv"
            written.append(write_rows(path, Report, day.spv_reports))
        if day.bank_returns:
            path = folder / f"bank_returns_{day.batch_date.isoformat()}.csv"
            written.append(write_rows(path, BankAnswer, day.bank_returns))
    return written


def write_rows(path: Path, kind: type[Any], rows: Sequence[Any]) -> Path:
    """Write rows of one dataclass as a CSV file whose columns are its fields; returns the path."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([column.name for column in fields(kind)])
        writer.writerows(astuple(row) for row in rows)
    return path
