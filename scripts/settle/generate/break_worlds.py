"""Random small worlds with breaks of every kind and their answers: what a reconciliation must find, and nothing else.

Each world has two channels of its own, one whose lines stand alone and one whose lines add up, and an SPV, with
tolerance, buffer days and automatic fill drawn from its seed; what the channels pay out comes to a bank account. All
worlds share the batch dates, so any number of them is one load.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from settle.generate.world import (
    ChannelFee,
    Day,
    Deposit,
    Payment,
    Report,
    World,
    channel_fee,
    major,
    write_days,
    write_rows,
)

SELLER = "M1"
RETAIL = "RETAIL"
# Product and settlement model of those who are paid on the day they earn. The seller is not paid within a world's
# days, so that every payout in it is one that was planted.
PAID_AT_ONCE = "PAID"
CURRENCIES = ("CNY", "CNY", "CNY", "USD", "JPY")
FEE: ChannelFee = (6_000, "half_up", 0, None)


@dataclass(frozen=True)
class Rule:
    """How a channel is reconciled: its row of reconciliation_rules."""

    channel_code: str
    grouping: str
    tolerance_minor: int
    buffer_days: int
    auto_fill: bool
    relation: str = "orders_channel"


@dataclass(frozen=True)
class BreakAnswer:
    """How one item must stand at the end.

    Amounts are minor units, empty where a side is absent or, for the difference, the currencies differ; `opened_on` is
    empty unless the item is open; `changed_on` is the batch date on which it came to stand so.
    """

    world: str
    kind: str
    relation: str
    item_key: str
    channel_code: str
    order_no: str
    result: str
    pool: str
    match_kind: str
    left_minor: str
    right_minor: str
    difference_minor: str
    currency: str
    opened_on: str
    changed_on: str


class BreakWorld:
    """One world under construction: draws days, amounts and channels, and keeps the answers."""

    def __init__(self, number: int, days: Sequence[date], seed: int) -> None:
        self.name = f"W{number:04d}"
        self.random = random.Random(f"{seed}/{number}")
        self.single, self.summed = (self._rule(f"{self.name}{letter}", letter) for letter in "AB")
        self.banked = tuple(
            replace(rule, relation="channel_bank", buffer_days=self.random.choice((0, 1, 3)), auto_fill=False)
            for rule in self.rules
        )
        self.spv = replace(self._rule(f"{self.name}V", "A"), relation="orders_spv", auto_fill=False)
        self.loan = f"{self.name}L"
        self.payees: list[str] = []
        self.rows = World(days, f"{seed}/{number}", {rule.channel_code: FEE for rule in self.rules})
        self.answers: list[BreakAnswer] = []

    def _rule(self, channel_code: str, letter: str) -> Rule:
        draw = self.random
        grouping = "single" if letter == "A" else "sum"
        return Rule(channel_code, grouping, draw.choice((0, 0, 5)), draw.choice((0, 1, 3, 5)), draw.random() < 0.5)

    @property
    def rules(self) -> tuple[Rule, Rule]:
        """The rules of both channels."""
        return self.single, self.summed

    @property
    def last_date(self) -> date:
        """The date of the last batch."""
        return self.rows.days[-1].batch_date

    def date_of(self, day: int) -> date:
        """The batch date of a day."""
        return self.rows.days[day].batch_date

    def days(self, count: int = 1) -> list[int]:
        """`count` different days in their order."""
        return sorted(self.random.sample(range(len(self.rows.days)), count))

    def rule(self) -> Rule:
        """Either channel."""
        return self.random.choice(self.rules)

    def number(self) -> str:
        """A new order number of this world."""
        return self.rows.number(self.name)

    def minor(self) -> int:
        """An amount between one unit and a large one."""
        return self.random.choice((self.random.randint(500, 5_000), self.random.randint(5_000, 10**9)))

    def off(self, rule: Rule) -> int:
        """A difference that the rule does not tolerate: by one unit, or by more, either way, less than any amount."""
        size = rule.tolerance_minor + self.random.choice((1, self.random.randint(2, 400)))
        return self.random.choice((-size, size))

    def order(self, day: int, minor: int, rule: Rule | None, **more: str) -> str:
        """An order of the world's one seller; returns its number."""
        product = more.pop("product", RETAIL)
        fixed = {"participant": SELLER, "channel": rule.channel_code if rule else "", "order_no": self.number(), **more}
        version = int(fixed.pop("version", "1"))
        self.rows.order(day, minor, product=product, version=version, **fixed)  # type: ignore[arg-type]
        return fixed["order_no"]

    def line(
        self,
        day: int,
        number: str,
        minor: int,
        rule: Rule,
        *,
        fee_of: int | None = None,
        currency: str = "CNY",
        status: str = "success",
        txn_type: str = "payment",
        settlement_batch_no: str = "",
    ) -> Payment:
        """A statement line; its fee is that of `fee_of`, or of its own amount."""
        return self.rows.pay(
            day,
            number,
            minor,
            channel=rule.channel_code,
            currency=currency,
            status=status,
            txn_type=txn_type,
            fee_of=[minor if fee_of is None else fee_of],
            settlement_batch_no=settlement_batch_no,
        )

    def settled(self, day: int, settlement_batch_no: str, rule: Rule, currency: str) -> int:
        """One to three orders that match, in one settlement batch of the channel; what they come to net of its fees."""
        net = 0
        for _ in range(self.random.randint(1, 3)):
            minor = self.minor()
            number = self.order(day, minor, rule, currency=currency)
            self.line(day, number, minor, rule, currency=currency, settlement_batch_no=settlement_batch_no)
            net += minor - (channel_fee(rule.channel_code, minor, self.rows.fees) or 0)
        return net

    def deposit(self, day: int, settlement_batch_no: str, minor: int, currency: str, direction: str = "credit") -> None:
        """An entry of our bank account."""
        self.rows.days[day].bank_deposits.append(
            Deposit(
                account_no="BANK",
                bank_ref_no=self.rows.number(f"{self.name}D"),
                booked_on=self.date_of(day).isoformat(),
                direction=direction,
                amount=major(minor, currency),
                currency=currency,
                settlement_batch_no=settlement_batch_no,
                narrative="",
                balance="",
            )
        )

    def subscription(self, day: int, minor: int, currency: str, status: str = "success") -> str:
        """An order for the SPV, paid through a channel without a difference where it is successful."""
        rule = self.rule()
        number = self.order(
            day, minor, rule, currency=currency, status=status, order_type="subscription", product=self.loan
        )
        if status == "success":
            self.line(day, number, minor, rule, currency=currency)
        return number

    def report(self, day: int, order_no: str, minor: int, currency: str) -> str:
        """A line of the SPV's subscription report; returns its number."""
        number = self.rows.number(f"{self.name}R")
        self.rows.days[day].spv_reports.append(
            Report(
                spv_code=self.spv.channel_code,
                report_kind="subscription",
                spv_txn_no=number,
                order_no=order_no,
                product_code=self.loan,
                amount=major(minor, currency),
                principal="",
                interest="",
                fee="",
                currency=currency,
                status="success",
                confirmed_on=self.date_of(day).isoformat(),
            )
        )
        return number

    def expect(
        self,
        kind: str,
        number: str,
        rule: Rule | None,
        result: str,
        left: int | None,
        right: int | None,
        changed: int,
        *,
        currency: str,
        opened: int | None = None,
        match_kind: str = "",
        suffix: str = "",
        is_comparable: bool = True,
        relation: str = "orders_channel",
    ) -> None:
        """Write down how an item stands at the end, the day it came to that, and the day it opened if another."""
        is_open = result not in ("matched", "matched_late")
        opened = changed if opened is None else opened
        pool, since = "none", self.date_of(changed)
        if is_open:
            pool = "error"
        if result == "platform_only":
            days = rule.buffer_days if rule else 3
            late = [day.batch_date for day in self.rows.days if (day.batch_date - self.date_of(opened)).days > days]
            pool, since = ("error", max(late[0], since)) if late else ("buffer", since)
        by_itself = {"matched": "auto", "matched_late": "late"}.get(result, "")
        channel = rule.channel_code if rule else ""
        self.answers.append(
            BreakAnswer(
                world=self.name,
                kind=kind,
                relation=relation,
                item_key=f"{channel}|{number}{suffix}",
                channel_code=channel,
                order_no=number,
                result=result,
                pool=pool,
                match_kind=match_kind or by_itself,
                left_minor="" if left is None else str(left),
                right_minor="" if right is None else str(right),
                difference_minor=str((right or 0) - (left or 0)) if is_comparable else "",
                currency=currency,
                opened_on=self.date_of(opened).isoformat() if is_open else "",
                changed_on=since.isoformat(),
            )
        )


def write_break_worlds(worlds: Sequence[BreakWorld], folder: Path) -> None:
    """Write the files of every day, answers.csv and the configuration in `folder`/config."""
    days = [
        Day(
            first.batch_date,
            [order for world in worlds for order in world.rows.days[place].orders],
            [],
            [line for world in worlds for line in world.rows.days[place].payments],
            [entry for world in worlds for entry in world.rows.days[place].bank_deposits],
            [line for world in worlds for line in world.rows.days[place].spv_reports],
            [line for world in worlds for line in world.rows.days[place].bank_returns],
        )
        for place, first in enumerate(worlds[0].rows.days)
    ]
    write_days(days, folder)
    write_rows(folder / "answers.csv", BreakAnswer, [answer for world in worlds for answer in world.answers])
    _write_config(worlds, folder / "config")


def _write_config(worlds: Sequence[BreakWorld], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    channels = [rule for world in worlds for rule in world.rules]
    rules = [rule for world in worlds for rule in (*world.rules, *world.banked, world.spv)]
    _table(
        folder,
        "participants",
        ["participant_id", "participant_name", "participant_kind"],
        [(SELLER, "Seller", "merchant"), *((payee, "Payee", "merchant") for world in worlds for payee in world.payees)],
    )
    accounts = [(f"{SELLER}-{currency}", SELLER, "bank", currency) for currency in sorted(set(CURRENCIES))]
    _table(folder, "accounts", ["account_no", "participant_id", "account_kind", "currency"], accounts)
    loans = [(world.loan, "Loan", world.spv.channel_code) for world in worlds]
    _table(
        folder,
        "products",
        ["product_code", "product_name", "spv_code"],
        [(RETAIL, "Retail", ""), (PAID_AT_ONCE, "Paid at once", ""), *loans],
    )
    _table(
        folder,
        "channels",
        ["channel_code", "channel_name", "channel_type", "communication_mode"],
        [(rule.channel_code, rule.channel_code, "wallet", "batch_file") for rule in channels],
    )
    _table(
        folder,
        "reconciliation_rules",
        [
            "relation",
            "channel_code",
            "grouping",
            "amount_tolerance_minor",
            "date_window_days",
            "buffer_days",
            "auto_fill",
        ],
        [
            (
                rule.relation,
                rule.channel_code,
                rule.grouping,
                rule.tolerance_minor,
                0,
                rule.buffer_days,
                str(rule.auto_fill).lower(),
            )
            for rule in rules
        ]
        + [("instructions_bank", "", "", "", "", "", "")],
    )
    terms = ("payee", "true", "false", "false", "bank", "2020-01-01")
    _table(
        folder,
        "settlement_models",
        [
            *("model_code", "priority", "order_type", "product_code", "cycle", "calendar_code", "roll"),
            "billing_rule_codes",
            *("charge_bearer", "requires_channel_match", "requires_spv_match", "requires_approval"),
            *("settle_account_kind", "valid_from"),
        ],
        [
            ("SALE", 10, "sale", "", "D365", "CN", "none", "FEE", *terms),
            (PAID_AT_ONCE, 5, "sale", PAID_AT_ONCE, "D0", "CN", "none", "", *terms),
        ],
    )
    ppm, rounding, _, _ = FEE
    _table(
        folder,
        "billing_rules",
        ["rule_code", "fee_type", "method", "base", "ppm", "rounding", "refund_fee", "valid_from"],
        [("FEE", "channel_fee", "rate", "amount", ppm, rounding, "false", "2020-01-01")],
    )


def _table(folder: Path, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
