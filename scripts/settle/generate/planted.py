"""The kinds of break that a random world has: each function plants one and writes down how it must end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from settle.generate.break_worlds import CURRENCIES, BreakWorld, Rule
from settle.generate.planted_payouts import PAYOUT_KINDS
from settle.generate.world import channel_fee

ORDINARY = 12
TIMES = (2, 3)


def make_break_worlds(count: int, days: Sequence[date], seed: int) -> list[BreakWorld]:
    """So many worlds on the same batch dates, each with every kind of break two or three times among ordinary trade."""
    worlds = [BreakWorld(number, days, seed) for number in range(1, count + 1)]
    for world in worlds:
        plant_all(world)
    return worlds


def plant_all(world: BreakWorld) -> None:
    """Ordinary orders that match, and every kind of break two or three times."""
    for _ in range(ORDINARY):
        day, rule, minor = world.days()[0], world.rule(), world.minor()
        number = world.order(day, minor, rule)
        world.line(day, number, minor, rule)
    for plant in KINDS:
        for _ in range(world.random.randint(*TIMES)):
            plant(world, world.random.choice(CURRENCIES))


def _amount_off(world: BreakWorld, currency: str) -> None:
    (day,), rule, minor = world.days(), world.rule(), world.minor()
    number = world.order(day, minor, rule, currency=currency)
    paid = minor + world.off(rule)
    world.line(day, number, paid, rule, fee_of=minor, currency=currency)
    world.expect("amount_off", number, rule, "amount_mismatch", minor, paid, day, currency=currency)


def _within_tolerance(world: BreakWorld, currency: str) -> None:
    (day,), rule, minor = world.days(), world.rule(), world.minor()
    number = world.order(day, minor, rule, currency=currency)
    paid = minor + world.random.choice((-1, 1)) * rule.tolerance_minor
    world.line(day, number, paid, rule, fee_of=minor, currency=currency)
    kind = "tolerance" if paid != minor else "auto"
    world.expect("within_tolerance", number, rule, "matched", minor, paid, day, currency=currency, match_kind=kind)


def _missing_line(world: BreakWorld, currency: str) -> None:
    (day,), rule, minor = world.days(), world.rule(), world.minor()
    number = world.order(day, minor, rule, currency=currency)
    if world.random.random() < 0.5:
        world.line(day, number, minor, rule, currency=currency, status="failed")
    world.expect("missing_line", number, rule, "platform_only", minor, None, day, currency=currency)


def _late_line(world: BreakWorld, currency: str) -> None:
    (day, later), rule, minor = world.days(2), world.rule(), world.minor()
    number = world.order(day, minor, rule, currency=currency)
    world.line(later, number, minor, rule, currency=currency)
    world.expect("late_line", number, rule, "matched_late", minor, minor, later, currency=currency)


def _late_line_off(world: BreakWorld, currency: str) -> None:
    (day, later), rule, minor = world.days(2), world.rule(), world.minor()
    number = world.order(day, minor, rule, currency=currency)
    paid = minor + world.off(rule)
    world.line(later, number, paid, rule, fee_of=minor, currency=currency)
    world.expect("late_line_off", number, rule, "amount_mismatch", minor, paid, later, currency=currency, opened=day)


def _channel_only(world: BreakWorld, currency: str) -> None:
    (day,), rule, minor = world.days(), world.rule(), world.minor()
    number = world.number()
    world.line(day, number, minor, rule, currency=currency)
    world.expect("channel_only", number, rule, "channel_only", None, minor, day, currency=currency)


def _order_after_line(world: BreakWorld, currency: str) -> None:
    (day, later), rule, paid = world.days(2), world.rule(), world.minor()
    off = world.random.choice((0, world.off(rule)))
    number = world.number()
    world.line(day, number, paid, rule, fee_of=paid - off, currency=currency)
    world.order(later, paid - off, rule, order_no=number, currency=currency)
    if off:
        world.expect(
            "order_after_line_off",
            number,
            rule,
            "amount_mismatch",
            paid - off,
            paid,
            later,
            currency=currency,
            opened=day,
        )
    else:
        world.expect("order_after_line", number, rule, "matched_late", paid, paid, later, currency=currency)


def _duplicate(world: BreakWorld, currency: str) -> None:
    days, rule, minor = world.random.choice((world.days(2), world.days() * 2)), world.single, world.minor()
    number = world.order(days[0], minor, rule, currency=currency)
    lines = [world.line(day, number, minor, rule, currency=currency) for day in days]
    further = lines[1]
    if days[0] == days[1]:
        further = max(lines, key=lambda line: (line.completed_at, line.channel_txn_no))
    world.expect("paid_twice", number, rule, "matched", minor, minor, days[0], currency=currency)
    suffix = f"|dup|{further.channel_txn_no}"
    world.expect("duplicate", number, rule, "duplicate_channel", None, minor, days[1], currency=currency, suffix=suffix)


def _paid_in_parts(world: BreakWorld, currency: str) -> None:
    days, rule, minor = world.random.choice((world.days(2), world.days() * 2)), world.summed, world.minor()
    first = world.random.randint(1, minor - rule.tolerance_minor - 1)
    number = world.order(days[0], minor, rule, currency=currency)
    world.line(days[0], number, first, rule, fee_of=minor, currency=currency)
    world.line(days[1], number, minor - first, rule, fee_of=0, currency=currency)
    result = "matched" if days[0] == days[1] else "matched_late"
    world.expect("paid_in_parts", number, rule, result, minor, minor, days[1], currency=currency)


def _sum_grows(world: BreakWorld, currency: str) -> None:
    (day, later), rule, minor = world.days(2), world.summed, world.minor()
    more = abs(world.off(rule))
    number = world.order(day, minor, rule, currency=currency)
    world.line(day, number, minor, rule, currency=currency)
    world.line(later, number, more, rule, fee_of=0, currency=currency)
    world.expect("sum_grows", number, rule, "amount_mismatch", minor, minor + more, later, currency=currency)


def _pending_but_paid(world: BreakWorld, currency: str) -> None:
    (day,), rule, minor = world.days(), world.rule(), world.minor()
    number = world.order(day, minor, rule, currency=currency, status="pending")
    world.line(day, number, minor, rule, currency=currency)
    kind, result = ("filled", "matched") if rule.auto_fill else ("pending_but_paid", "status_mismatch")
    match = "auto_fill" if rule.auto_fill else ""
    world.expect(kind, number, rule, result, minor, minor, day, currency=currency, match_kind=match)


def _pending_paid_otherwise(world: BreakWorld, currency: str) -> None:
    (day,), rule, minor = world.days(), world.rule(), world.minor()
    number = world.order(day, minor, rule, currency=currency, status="pending")
    paid = minor + world.off(rule)
    world.line(day, number, paid, rule, currency=currency)
    world.expect("pending_paid_otherwise", number, rule, "status_mismatch", minor, paid, day, currency=currency)


def _closed_but_paid(world: BreakWorld, currency: str) -> None:
    (day,), rule, minor = world.days(), world.rule(), world.minor()
    number = world.order(day, minor, rule, currency=currency, status=world.random.choice(("failed", "closed")))
    world.line(day, number, minor, rule, currency=currency)
    world.expect("closed_but_paid", number, rule, "status_mismatch", minor, minor, day, currency=currency)


def _success_after_payment(world: BreakWorld, currency: str) -> None:
    (day, later), rule, minor = world.days(2), world.rule(), world.minor()
    number = world.order(day, minor, rule, currency=currency, status="closed")
    world.line(day, number, minor, rule, currency=currency)
    world.order(later, minor, rule, order_no=number, version="2", currency=currency)
    world.expect("success_after_payment", number, rule, "matched_late", minor, minor, later, currency=currency)


def _other_currency(world: BreakWorld, currency: str) -> None:
    (day,), rule, minor = world.days(), world.rule(), world.minor()
    other = "USD" if currency != "USD" else "CNY"
    number = world.order(day, minor, rule, currency=currency)
    world.line(day, number, minor, rule, currency=other)
    world.expect(
        "other_currency",
        number,
        rule,
        "currency_mismatch",
        minor,
        minor,
        day,
        currency=currency,
        is_comparable=False,
    )


def _fee_off(world: BreakWorld, currency: str) -> None:
    (day,), rule, minor = world.days(), world.rule(), world.minor()
    number = world.order(day, minor, rule, currency=currency)
    fee = channel_fee(rule.channel_code, minor, world.rows.fees) or 0
    wrong = fee + world.random.choice((1, 7))
    world.rows.pay(day, number, minor, channel=rule.channel_code, fee=wrong, currency=currency, settlement_batch_no="")
    world.expect("fee_off", number, rule, "fee_mismatch", minor, minor, day, currency=currency)


def _refunded(world: BreakWorld, currency: str) -> tuple[Rule, str, int, int, int]:
    """An order that was paid and matched, and its refund: rule, the refund's number, its minor units and two days."""
    (day, later), rule, minor = world.days(2), world.rule(), world.minor()
    original = world.order(day, minor, rule, currency=currency)
    world.line(day, original, minor, rule, currency=currency)
    back = world.random.randint(minor // 2, minor)
    number = world.order(later, back, rule, currency=currency, order_type="refund", original=original)
    return rule, number, back, day, later


def _refund_matches(world: BreakWorld, currency: str) -> None:
    rule, number, back, _, later = _refunded(world, currency)
    world.line(later, number, back, rule, currency=currency, txn_type="refund")
    world.expect("refund", number, rule, "matched", back, back, later, currency=currency, suffix="|refund")


def _refund_off(world: BreakWorld, currency: str) -> None:
    rule, number, back, _, later = _refunded(world, currency)
    paid = max(1, back + world.off(rule))
    paid = paid if abs(paid - back) > rule.tolerance_minor else back + rule.tolerance_minor + 1
    world.line(later, number, paid, rule, currency=currency, txn_type="refund")
    world.expect("refund_off", number, rule, "amount_mismatch", back, paid, later, currency=currency, suffix="|refund")


def _refund_missing(world: BreakWorld, currency: str) -> None:
    rule, number, back, _, later = _refunded(world, currency)
    world.expect(
        "refund_missing", number, rule, "platform_only", back, None, later, currency=currency, suffix="|refund"
    )


def _refund_unknown(world: BreakWorld, currency: str) -> None:
    (day,), rule, minor = world.days(), world.rule(), world.minor()
    number = world.number()
    world.line(day, number, minor, rule, currency=currency, txn_type="refund")
    world.expect("refund_unknown", number, rule, "channel_only", None, minor, day, currency=currency, suffix="|refund")


def _corrected_away(world: BreakWorld, currency: str) -> None:
    (day, later), rule, minor = world.days(2), world.rule(), world.minor()
    number = world.order(day, minor, rule, currency=currency)
    world.line(day, number, minor, rule, currency=currency)
    corrected = minor + world.off(rule)
    world.order(later, corrected, rule, order_no=number, version="2", currency=currency)
    world.expect("corrected_away", number, rule, "amount_mismatch", corrected, minor, later, currency=currency)


def _mended_by_version(world: BreakWorld, currency: str) -> None:
    (day, later), rule, paid = world.days(2), world.rule(), world.minor()
    number = world.order(day, paid + world.off(rule), rule, currency=currency)
    world.line(day, number, paid, rule, currency=currency)
    world.order(later, paid, rule, order_no=number, version="2", currency=currency)
    world.expect("mended_by_version", number, rule, "matched_late", paid, paid, later, currency=currency)


def _wrong_channel(world: BreakWorld, currency: str) -> None:
    (day,), minor = world.days(), world.minor()
    ours, theirs = world.random.sample(world.rules, 2)
    number = world.order(day, minor, ours, currency=currency)
    world.line(day, number, minor, theirs, currency=currency)
    world.expect("wrong_channel", number, ours, "platform_only", minor, None, day, currency=currency)
    world.expect("wrong_channel_line", number, theirs, "channel_only", None, minor, day, currency=currency)


def _no_channel_named(world: BreakWorld, currency: str) -> None:
    (day,), minor = world.days(), world.minor()
    number = world.order(day, minor, None, currency=currency)
    off = world.random.choice((0, 1))
    world.line(day, number, minor + off, world.rule(), fee_of=minor, currency=currency)
    result = "amount_mismatch" if off else "matched"
    world.expect("no_channel_named", number, None, result, minor, minor + off, day, currency=currency)


def _deposit(world: BreakWorld, currency: str) -> None:
    """A settlement batch that the bank got in full, on its day or later, at once or in two parts, or not in full."""
    days, rule = world.random.choice((world.days(2), world.days() * 2)), world.random.choice(world.banked)
    number = world.number()
    net = world.settled(days[0], number, rule, currency)
    off = world.random.choice((0, 0, world.off(rule)))
    paid = net + off
    first = world.random.choice((paid, paid // 2))
    world.deposit(days[1], number, first, currency)
    if first < paid:
        world.deposit(days[1], number, paid - first, currency)
    is_late = days[0] != days[1]
    result = "amount_mismatch" if off else "matched_late" if is_late else "matched"
    world.expect(
        "deposit_off" if off else "deposit",
        number,
        rule,
        result,
        net,
        paid,
        days[1],
        currency=currency,
        opened=days[0],
        suffix=f"|{currency}",
        relation="channel_bank",
    )


def _deposit_missing(world: BreakWorld, currency: str) -> None:
    (day,), rule, number = world.days(), world.random.choice(world.banked), world.number()
    net = world.settled(day, number, rule, currency)
    world.expect(
        "deposit_missing",
        number,
        rule,
        "platform_only",
        net,
        None,
        day,
        currency=currency,
        suffix=f"|{currency}",
        relation="channel_bank",
    )


def _deposit_taken_back(world: BreakWorld, currency: str) -> None:
    (day, later), rule, number = world.days(2), world.random.choice(world.banked), world.number()
    net = world.settled(day, number, rule, currency)
    world.deposit(day, number, net, currency)
    world.deposit(later, number, net, currency, direction="debit")
    world.expect(
        "deposit_taken_back",
        number,
        rule,
        "amount_mismatch",
        net,
        0,
        later,
        currency=currency,
        suffix=f"|{currency}",
        relation="channel_bank",
    )


def _deposit_unknown(world: BreakWorld, currency: str) -> None:
    (day,), minor, number = world.days(), world.minor(), world.number()
    world.deposit(day, number, minor, currency)
    world.expect(
        "deposit_unknown",
        number,
        None,
        "channel_only",
        None,
        minor,
        day,
        currency=currency,
        suffix=f"|{currency}",
        relation="channel_bank",
    )


def _deposit_ambiguous(world: BreakWorld, currency: str) -> None:
    (day,), minor, number = world.days(), world.minor(), world.number()
    for rule in world.banked:
        net = world.settled(day, number, rule, currency)
        world.expect(
            "deposit_of_one_of_two",
            number,
            rule,
            "platform_only",
            net,
            None,
            day,
            currency=currency,
            suffix=f"|{currency}",
            relation="channel_bank",
        )
    world.deposit(day, number, minor, currency)
    world.expect(
        "deposit_ambiguous",
        number,
        None,
        "ambiguous",
        None,
        minor,
        day,
        currency=currency,
        suffix=f"|{currency}",
        relation="channel_bank",
    )


def _spv(world: BreakWorld, currency: str) -> None:
    """A subscription that the SPV reports on its day or later, rightly or not, or twice, or never."""
    days, minor = world.random.choice((world.days(2), world.days() * 2)), world.minor()
    number = world.subscription(days[0], minor, currency)

    def expect(kind: str, result: str, right: int | None, day: int, suffix: str = "", left: int | None = minor) -> None:
        world.expect(
            kind,
            number,
            world.spv,
            result,
            left,
            right,
            day,
            currency=currency,
            opened=days[0] if not suffix and result == "amount_mismatch" else day,
            suffix=f"|subscription{suffix}",
            relation="orders_spv",
        )

    kind = world.random.choice(("right", "off", "twice", "missing"))
    if kind == "missing":
        expect("spv_missing", "platform_only", None, days[0])
        return
    reported = minor + (world.off(world.spv) if kind == "off" else 0)
    first = world.report(days[1], number, reported, currency)
    if kind == "off":
        expect("spv_off", "amount_mismatch", reported, days[1])
        return
    expect("spv", "matched" if days[0] == days[1] else "matched_late", reported, days[1])
    if kind == "twice":
        second = world.report(days[1], number, reported, currency)
        expect("spv_twice", "duplicate_channel", reported, days[1], f"|dup|{max(first, second)}", None)


def _spv_unknown(world: BreakWorld, currency: str) -> None:
    (day,), minor, number = world.days(), world.minor(), world.number()
    world.report(day, number, minor, currency)
    suffix = "|subscription"
    world.expect(
        "spv_unknown",
        number,
        world.spv,
        "channel_only",
        None,
        minor,
        day,
        currency=currency,
        suffix=suffix,
        relation="orders_spv",
    )


def _spv_closed(world: BreakWorld, currency: str) -> None:
    (day,), minor = world.days(), world.minor()
    number = world.subscription(day, minor, currency, status="closed")
    world.report(day, number, minor, currency)
    suffix = "|subscription"
    world.expect(
        "spv_closed",
        number,
        world.spv,
        "status_mismatch",
        minor,
        minor,
        day,
        currency=currency,
        suffix=suffix,
        relation="orders_spv",
    )


KINDS: tuple[Callable[[BreakWorld, str], None], ...] = (
    _amount_off,
    _within_tolerance,
    _missing_line,
    _late_line,
    _late_line_off,
    _channel_only,
    _order_after_line,
    _duplicate,
    _paid_in_parts,
    _sum_grows,
    _pending_but_paid,
    _pending_paid_otherwise,
    _closed_but_paid,
    _success_after_payment,
    _other_currency,
    _fee_off,
    _refund_matches,
    _refund_off,
    _refund_missing,
    _refund_unknown,
    _corrected_away,
    _mended_by_version,
    _wrong_channel,
    _no_channel_named,
    _deposit,
    _deposit_missing,
    _deposit_taken_back,
    _deposit_unknown,
    _deposit_ambiguous,
    _spv,
    _spv,
    _spv_unknown,
    _spv_closed,
    *PAYOUT_KINDS,
)
