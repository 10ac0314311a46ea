"""Random orders, refunds, versions and statement lines of a world."""

import json
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tests.oracle.world import BUSINESS_ZONE, Row, major_units
from tests.oracle.world_corrections import higher_versions
from tests.oracle.world_draft import Draft
from tests.oracle.world_rules import CURRENCIES, SUFFIXES, Setting

ORDER_TYPES = ("sale", "sale", "subscription", "repayment", "disbursement", "withdrawal")
# Half a minor unit, by how many decimals the currency has.
HALF_UNITS = {0: "0.5", 2: "0.005", 3: "0.0005"}
CLOCK = (time(0, 0), time(9, 30), time(9, 30), time(15, 45, 12), time(23, 59, 59))


@dataclass
class Traffic:
    """Rows of every batch, as they will be written."""

    orders: dict[int, list[Row]] = field(default_factory=lambda: defaultdict(list))
    order_lines: dict[int, list[Row]] = field(default_factory=lambda: defaultdict(list))
    payments: dict[int, list[Row]] = field(default_factory=lambda: defaultdict(list))


class TrafficMaker:
    """Draws orders first; statement lines follow once the expected fees are known."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.rng = setting.rng
        self.batches = len(setting.dates)
        self.busy = self.rng.randint(min(2, self.batches), self.batches)
        self.drafts: list[Draft] = []
        self.numbers = 0

    def orders(self) -> Traffic:
        """Orders with their versions and lines, refunds after them."""
        for _ in range(self.rng.randint(4, 40)):
            self._versions(self._order())
        originals = list(self.drafts)
        good = [draft for draft in originals if draft.status == "success"] or originals
        for _ in range(self.rng.randint(0, 14)):
            self._refund(self.rng.choice(good if self.setting.chance(0.9) else originals))
        traffic = Traffic()
        for draft in self.drafts:
            traffic.orders[draft.batch].append(self._order_row(draft))
            traffic.order_lines[draft.batch].extend(self._line_rows(draft))
        return traffic

    def _number(self, kind: str) -> str:
        self.numbers += 1
        return f"{self.setting.prefix}{kind}{self.numbers}{self.rng.choice(SUFFIXES)}"

    def _moment(self, batch: int) -> datetime:
        day = self.setting.dates[batch] - timedelta(days=self.rng.choice((0, 0, 0, 1, 2)))
        return datetime.combine(day, self.rng.choice(CLOCK), BUSINESS_ZONE)

    def _order(self) -> Draft:
        rng, setting = self.rng, self.setting
        batch = rng.randrange(self.busy)
        draft = Draft(
            batch,
            self._number(rng.choice(("o", "O"))),
            1,
            rng.choice(ORDER_TYPES),
            rng.choice(setting.products),
            rng.choice(setting.merchants + setting.sponsors),
            rng.choice(setting.channels) if setting.chance(0.85) else "",
            rng.choice(setting.currencies),
            setting.amount(),
            rng.choices(("success", "pending", "failed", "closed"), (84, 11, 3, 2))[0],
            self._moment(batch),
            "",
            self._attributes(setting.amount()),
        )
        if setting.chance(0.3):
            draft = self._with_lines(draft)
        return self._spoil(draft) if setting.chance(0.1) else draft

    def _attributes(self, amount: int) -> str:
        rng, setting = self.rng, self.setting
        values: dict[str, object] = {}
        exponent = min(CURRENCIES[currency] for currency in setting.currencies)
        if setting.chance(0.95):
            values["principal"] = major_units(amount, exponent)
            values["interest"] = major_units(rng.randint(0, max(1, amount // 20)), exponent)
        if setting.chance(0.5):
            values["tier"] = rng.choice(("gold", "silver", 7, "7", True))
        return json.dumps(values, ensure_ascii=False) if values else ""

    def _with_lines(self, draft: Draft) -> Draft:
        rng, setting = self.rng, self.setting
        numbers = rng.sample(range(1, 12), rng.randint(1, 4))
        lines = tuple(
            (
                number,
                rng.choice(setting.merchants) if setting.chance(0.7) else "",
                rng.choice(setting.products) if setting.chance(0.5) else "",
                setting.amount(),
                self._attributes(setting.amount()) if setting.chance(0.9) else "",
            )
            for number in numbers
        )
        with_lines = replace(draft, lines=lines)
        return replace(with_lines, amount=with_lines.total if setting.chance(0.5) else None)

    def _spoil(self, draft: Draft) -> Draft:
        """One of the mistakes that sorting must catch."""
        rng = self.rng
        kind = rng.randrange(8)
        prefix = self.setting.prefix
        if kind == 0:
            return replace(draft, currency="XQX")
        if kind == 1:
            return replace(draft, product_code=f"{prefix}none")
        if kind == 2:
            return replace(draft, participant_id=rng.choice(("", f"{prefix}none")))
        if kind == 3:
            return replace(draft, channel_code=f"{prefix}none")
        if kind == 4 and not draft.lines:
            return replace(draft, amount=rng.choice((None, 0, -5)))
        if kind == 5 and draft.lines:
            return replace(draft, amount=draft.total + rng.choice((-1, 1)))
        if kind == 6 and draft.lines:
            half = HALF_UNITS[CURRENCIES.get(draft.currency, 2)]
            bad = rng.choice((0, -3, "0.0001", half))
            # Two halves are a whole: the order has an amount, though none of its lines can be billed.
            count = 2 if bad == half else 1
            spoiled = ((*line[:3], bad, line[4]) for line in draft.lines[:count])
            return replace(draft, lines=(*spoiled, *draft.lines[count:]))
        return replace(draft, product_code="")

    def _versions(self, draft: Draft) -> None:
        rng, setting = self.rng, self.setting
        if setting.full:
            self.drafts.extend(higher_versions(setting, draft, self.drafts, self.batches))
            return
        self.drafts.append(draft)
        if not setting.chance(0.45 if draft.status == "pending" else 0.1):
            return
        later = rng.randint(draft.batch, self.batches - 1)
        second = replace(draft, batch=later, version=2, status=rng.choice(("success", "success", "failed")))
        if draft.status == "success":
            second = replace(second, status=rng.choice(("success", "failed", "closed", "pending")))
        if setting.chance(0.4) and not draft.lines:
            second = replace(second, amount=setting.amount())
        if draft.lines and setting.chance(0.3):
            second = replace(second, lines=(), amount=setting.amount())
        if setting.chance(0.1):
            second = replace(second, channel_code=rng.choice(["", *setting.channels]))
        if setting.chance(0.1):
            self.drafts[-1], second = replace(draft, batch=later), replace(second, batch=draft.batch)
        self.drafts.append(second)
        if setting.chance(0.2):
            third = replace(second, batch=rng.randint(second.batch, self.batches - 1), version=3)
            self.drafts.append(replace(third, status=rng.choice(("success", "pending"))))

    def _refund(self, original: Draft) -> None:
        rng, setting = self.rng, self.setting
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            batch = rng.randint(max(0, original.batch - (1 if setting.chance(0.2) else 0)), self.batches - 1)
            total = max(1, original.total)
            part = rng.randint(1, total)
            amount = rng.choice((total, part, part, part // 2 or 1, 1, total // 3 or 1, max(1, total - 1), total + 1))
            draft = Draft(
                batch,
                self._number(rng.choice(("r", "R"))),
                1,
                "refund",
                original.product_code,
                original.participant_id,
                original.channel_code if setting.chance(0.9) else "",
                original.currency if setting.chance(0.95) else rng.choice(list(CURRENCIES)),
                amount,
                rng.choices(("success", "pending", "failed"), (88, 10, 2))[0],
                self._moment(batch),
                original.order_no if setting.chance(0.95) else rng.choice(("", f"{setting.prefix}gone")),
                "",
            )
            if original.lines and setting.chance(0.5):
                draft = self._refund_lines(draft, original)
            elif setting.chance(0.05):
                draft = replace(draft, lines=((rng.choice((1, 2)), "", "", amount, ""),), amount=None)
            self._versions(self._spoil_refund(draft))

    def _refund_lines(self, draft: Draft, original: Draft) -> Draft:
        rng = self.rng
        named = rng.sample(original.lines, rng.randint(1, len(original.lines)))
        lines: list[tuple[int, str, str, int | str, str]] = []
        for line in named:
            whole = line[3] if isinstance(line[3], int) and line[3] > 0 else 1
            amount = rng.choice((whole, rng.randint(1, whole), whole + 1 if rng.random() < 0.2 else 1))
            number = line[0] if rng.random() < 0.95 else 99 + len(lines)
            lines.append((number, "", "", amount, ""))
        with_lines = replace(draft, lines=tuple(lines))
        return replace(with_lines, amount=with_lines.total if rng.random() < 0.5 else None)

    def _spoil_refund(self, draft: Draft) -> Draft:
        if not self.setting.chance(0.06):
            return draft
        if draft.lines:
            return replace(draft, amount=draft.total + 1)
        return replace(draft, amount=self.rng.choice((None, 0, -1)))

    def _order_row(self, draft: Draft) -> Row:
        exponent = CURRENCIES.get(draft.currency, 2)
        moment = draft.ordered_at
        text = self.rng.choice(
            (
                moment.isoformat(),
                moment.replace(tzinfo=None).isoformat(),
                moment.astimezone(ZoneInfo("UTC")).isoformat().replace("+00:00", "Z"),
                moment.astimezone(ZoneInfo("America/New_York")).isoformat(),
            )
        )
        return {
            "order_no": draft.order_no,
            "version": "" if draft.version == 1 and self.setting.chance(0.3) else str(draft.version),
            "order_type": draft.order_type,
            "product_code": draft.product_code,
            "participant_id": draft.participant_id,
            "customer_id": self.rng.choice(("", "客户, 1", 'say "hi"')),
            "channel_code": draft.channel_code,
            "currency": draft.currency,
            "amount": "" if draft.amount is None else major_units(draft.amount, exponent),
            "status": draft.status,
            "ordered_at": text,
            "paid_at": text if draft.status == "success" else "",
            "original_order_no": draft.original_order_no,
            "attributes": draft.attributes,
        }

    def _line_rows(self, draft: Draft) -> list[Row]:
        exponent = CURRENCIES.get(draft.currency, 2)
        return [
            {
                "order_no": draft.order_no,
                "version": str(draft.version),
                "line_no": str(number),
                "participant_id": participant,
                "product_code": product,
                "amount": amount if isinstance(amount, str) else major_units(amount, exponent),
                "attributes": attributes,
            }
            for number, participant, product, amount, attributes in draft.lines
        ]


class StatementMaker:
    """Draws what the channels say of the drafts: mostly the truth, and every way to be wrong."""

    def __init__(self, maker: TrafficMaker, expected_fees: dict[str, int], traffic: Traffic) -> None:
        self.setting, self.rng = maker.setting, maker.rng
        self.batches = maker.batches
        self.drafts = maker.drafts
        self.expected_fees = expected_fees
        self.payments = traffic.payments
        self.numbers = 0

    def lines(self) -> None:
        """Statement lines of every order, and some of nobody's."""
        truth: dict[str, Draft] = {}
        for draft in self.drafts:
            if draft.order_no not in truth or draft.status == "success":
                truth[draft.order_no] = draft
        for draft in truth.values():
            likely = {"success": 0.93, "pending": 0.75}.get(draft.status, 0.3)
            if self.setting.chance(likely) and draft.total > 0:
                self._lines_of(draft)
        for _ in range(self.rng.randint(0, 3)):
            stray = replace(self.rng.choice(self.drafts), order_no=self.rng.choice(("", f"{self.setting.prefix}stray")))
            self._line(stray, self.rng.randrange(self.batches), max(1, stray.total))

    def _lines_of(self, draft: Draft) -> None:
        rng, batch = self.rng, draft.batch
        kind = rng.choices(
            ("equal", "late", "early", "off", "currency", "twice", "elsewhere", "split", "not_success", "direction"),
            (62, 9, 4, 8, 3, 5, 3, 5, 3, 1),
        )[0]
        total = draft.total
        if kind == "late":
            self._line(draft, rng.randint(batch, self.batches - 1), total)
        elif kind == "early":
            self._line(draft, rng.randint(0, batch), total)
        elif kind == "off":
            self._line(draft, batch, max(1, total + rng.choice((-1, 1, 7, -7, 8, -8, rng.randint(-total, total)))))
        elif kind == "currency":
            self._line(replace(draft, currency=rng.choice([*CURRENCIES, "XQX"])), batch, total)
        elif kind == "twice":
            first = rng.randint(0, batch) if rng.random() < 0.3 else batch
            self._line(draft, first, total)
            self._line(draft, rng.randint(first, self.batches - 1), rng.choice((total, 1)))
        elif kind == "elsewhere":
            other = replace(draft, channel_code=rng.choice(self.setting.channels))
            self._line(other, batch, total)
            if rng.random() < 0.3:
                self._line(draft, batch, total)
        elif kind == "split" and total > 1:
            part = rng.randint(1, total - 1)
            self._line(draft, batch, part)
            self._line(draft, rng.randint(batch, self.batches - 1), total - part)
        elif kind == "not_success":
            self._line(draft, batch, total, status=rng.choice(("failed", "pending", "refunded")))
            if rng.random() < 0.5:
                self._line(draft, batch, total)
        elif kind == "direction":
            self._line(draft, batch, total, txn_type="payment" if draft.order_type == "refund" else "refund")
        else:
            self._line(draft, batch, total)

    def _line(self, draft: Draft, batch: int, amount: int, status: str = "success", txn_type: str = "") -> None:
        rng = self.rng
        self.numbers += 1
        exponent = CURRENCIES.get(draft.currency, 2)
        expected = abs(self.expected_fees.get(draft.order_no, 0))
        fee = rng.choices((expected, None, expected + 1), (75, 15, 10))[0]
        outgoing = draft.order_type in ("withdrawal", "disbursement")
        day: date = self.setting.dates[batch]
        moment = datetime.combine(day, rng.choice(CLOCK), BUSINESS_ZONE)
        kind = "refund" if draft.order_type == "refund" else ("payout" if outgoing else "payment")
        self.payments[batch].append(
            {
                "channel_code": draft.channel_code or rng.choice(self.setting.channels),
                "channel_txn_no": f"{self.setting.prefix}{rng.choice('tT')}{self.numbers}{rng.choice(SUFFIXES)}",
                "order_no": draft.order_no,
                "txn_type": txn_type or kind,
                "amount": major_units(amount, exponent),
                "fee": "" if fee is None else major_units(fee, exponent),
                "currency": draft.currency,
                "status": status,
                "pay_method": "",
                "account_no": "",
                "completed_at": moment.isoformat() if self.setting.chance(0.95) else "",
                "settlement_batch_no": "",
            }
        )
