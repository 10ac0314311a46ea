"""The planted breaks of the demo: each puts its rows into the days and its answer into the key.

Days count from 0; the batch dates are 5, 6, 7, 8, 9, 12, 13, 14, 15 and 16 January 2026. Three buffer days are
calendar days, so what opens on Friday the 9th is still in the buffer on Monday the 12th and in error on the 13th.
"""

from __future__ import annotations

from dataclasses import replace

from settle.generate.world import Payment, World


def plant_breaks(world: World) -> None:
    """Add every kind of break of this release to a world of ten days."""
    _amounts(world)
    _missing_and_late_lines(world)
    _channel_only(world)
    _duplicates(world)
    _auto_fill(world)
    _other_mismatches(world)
    _refunds(world)
    _refused_refunds(world)
    _unknown_to_the_configuration(world)
    _not_clearable(world)
    _versions(world)
    _repeated_rows(world)
    _refused_correction(world)


def _amounts(world: World) -> None:
    for day, minor, paid, channel in (
        (0, 10_000, 9_999, "ALIPAY"),
        (3, 25_050, 25_550, "WECHAT"),
        (8, 7_700, 770, "ALIPAY"),
    ):
        order = world.order(day, minor, channel=channel)
        world.pay(day, order.order_no, paid, channel=channel)
        world.expect(day, order.order_no, "amount_off", "amount_mismatch", "error", channel=channel)
    order = world.order(2, 5_000, channel="OFFLINE")
    world.pay(2, order.order_no, 4_997, channel="OFFLINE")
    world.expect(2, order.order_no, "within_tolerance", "matched", "none", channel="OFFLINE", match_kind="tolerance")
    order = world.order(2, 5_000, channel="OFFLINE")
    world.pay(2, order.order_no, 4_994, channel="OFFLINE")
    world.expect(2, order.order_no, "beyond_tolerance", "amount_mismatch", "error", channel="OFFLINE")


def _missing_and_late_lines(world: World) -> None:
    for day, pool in ((1, "error"), (5, "error"), (8, "buffer"), (9, "buffer")):
        order = world.order(day, 18_800 + day)
        world.expect(day, order.order_no, "missing_line", "platform_only", pool)
    # The second waits over a weekend, the third long enough to go through the error pool.
    for day, line_day in ((2, 3), (4, 5), (1, 7)):
        order = world.order(day, 31_000 + line_day)
        world.pay(line_day, order.order_no, 31_000 + line_day)
        world.expect(day, order.order_no, "late_line", "matched_late", "none")
    order = world.order(3, 22_000, channel="WECHAT")
    world.pay(4, order.order_no, 20_000, channel="WECHAT")
    world.expect(3, order.order_no, "late_line_off", "amount_mismatch", "error", channel="WECHAT")
    order = world.order(4, 6_400)
    world.pay(4, order.order_no, 6_400, status="failed")
    world.expect(4, order.order_no, "unsuccessful_line", "platform_only", "error")


def _channel_only(world: World) -> None:
    for day, channel in ((2, "ALIPAY"), (7, "WECHAT")):
        lost = world.number("X")
        world.pay(day, lost, 4_200 + day, channel=channel)
        world.expect(day, lost, "channel_only", "channel_only", "error", channel=channel)
    number = world.number("A")
    world.pay(2, number, 9_100)
    world.order(4, 9_100, order_no=number)
    world.expect(2, number, "order_after_line", "matched_late", "none")


def _duplicates(world: World) -> None:
    for day, second_day in ((3, 3), (5, 6)):
        order = world.order(day, 12_300 + day)
        lines = [world.pay(in_day, order.order_no, 12_300 + day) for in_day in (day, second_day)]
        further = max(lines, key=_statement_order)
        world.expect(day, order.order_no, "duplicate_line", "matched", "none")
        key = f"ALIPAY|{order.order_no}|dup|{further.channel_txn_no}"
        world.expect(second_day, order.order_no, "duplicate_line_further", "duplicate_channel", "error", key=key)
    order = world.order(3, 8_000, channel="WECHAT")
    world.pay(3, order.order_no, 8_000, channel="WECHAT")
    world.pay(4, order.order_no, 8_000, channel="WECHAT", fee=0)
    world.expect(3, order.order_no, "sum_grows_later", "amount_mismatch", "error", channel="WECHAT")


def _statement_order(payment: Payment) -> tuple[str, str]:
    return payment.completed_at, payment.channel_txn_no


def _auto_fill(world: World) -> None:
    for day, line_day in ((1, 1), (6, 6), (4, 5)):
        order = world.order(day, 15_500 + line_day, status="pending")
        world.pay(line_day, order.order_no, 15_500 + line_day)
        world.expect(day, order.order_no, "pending_but_paid", "matched", "none", match_kind="auto_fill")
    order = world.order(6, 15_500, status="pending")
    world.pay(6, order.order_no, 15_000)
    world.expect(6, order.order_no, "pending_paid_otherwise", "status_mismatch", "error")


def _other_mismatches(world: World) -> None:
    order = world.order(1, 3_300, status="closed")
    world.pay(1, order.order_no, 3_300)
    world.expect(1, order.order_no, "status_mismatch", "status_mismatch", "error")
    order = world.order(2, 27_000, channel="WECHAT", status="pending")
    world.pay(2, order.order_no, 27_000, channel="WECHAT")
    world.expect(2, order.order_no, "status_mismatch", "status_mismatch", "error", channel="WECHAT")
    order = world.order(3, 27_100, channel="WECHAT", status="pending")
    world.pay(3, order.order_no, 27_100, channel="WECHAT")
    world.order(5, 27_100, order_no=order.order_no, version=2, channel="WECHAT", at=order.ordered_at)
    world.expect(3, order.order_no, "paid_then_success", "matched_late", "none", channel="WECHAT")
    order = world.order(4, 14_000)
    world.pay(4, order.order_no, 14_000, currency="USD")
    world.expect(4, order.order_no, "currency_mismatch", "currency_mismatch", "error")
    for day, channel, off in ((5, "ALIPAY", 1), (7, "WECHAT", -2)):
        order = world.order(day, 40_000, channel=channel)
        world.pay(day, order.order_no, 40_000, channel=channel, fee=240 + off)
        world.expect(day, order.order_no, "fee_mismatch", "fee_mismatch", "error", channel=channel)


def _refund(world: World, day: int, line_day: int | None, minor: int, original: str, channel: str = "ALIPAY") -> str:
    """A refund order of `minor` and, on `line_day`, the channel's refund line; returns the refund's order number."""
    refund = world.order(
        day, minor, order_type="refund", channel=channel, product="", participant="", original=original
    )
    if line_day is not None:
        world.pay(line_day, refund.order_no, minor, channel=channel, txn_type="refund")
    return refund.order_no


def _refunds(world: World) -> None:
    def expect(day: int, number: str, kind: str, result: str, pool: str = "none", channel: str = "ALIPAY") -> None:
        world.expect(day, number, kind, result, pool, channel=channel, key=f"{channel}|{number}|refund")

    order = world.order(0, 20_000)
    world.pay(0, order.order_no, 20_000)
    expect(1, _refund(world, 1, 1, 20_000, order.order_no), "refund_full", "matched")
    order = world.order(1, 33_333, attributes={"promotion": "SPRING"})
    world.pay(1, order.order_no, 33_333)
    for day in (3, 5, 8):
        expect(day, _refund(world, day, day, 10_001, order.order_no), "refund_partial", "matched")
    order = world.order(2, 9_999, channel="WECHAT")
    world.pay(2, order.order_no, 9_999, channel="WECHAT")
    expect(3, _refund(world, 3, 4, 3_333, order.order_no, "WECHAT"), "refund_late", "matched_late", channel="WECHAT")
    expect(
        5,
        _refund(world, 5, None, 3_333, order.order_no, "WECHAT"),
        "refund_missing",
        "platform_only",
        "error",
        "WECHAT",
    )
    lines = [("M001", "RETAIL", 10_000), ("M002", "GROCERY", 5_000), ("M003", "RETAIL", 1)]
    order = world.order(4, 15_001, lines=lines, product="")
    world.pay(4, order.order_no, 15_001, fee_of=[minor for _, _, minor in lines])
    expect(6, _refund(world, 6, 6, 7_500, order.order_no), "refund_split_over_lines", "matched")
    named = world.order(
        7, None, order_type="refund", product="", original=order.order_no, lines=[("M001", "RETAIL", 2_000)]
    )
    world.pay(7, named.order_no, 2_000, txn_type="refund")
    expect(7, named.order_no, "refund_of_a_line", "matched")
    later = world.number("A")
    refund = _refund(world, 4, 4, 1_500, later)
    world.order(5, 6_000, order_no=later)
    world.pay(5, later, 6_000)
    expect(4, refund, "refund_before_original", "matched")


def _refused_refunds(world: World) -> None:
    def expect(day: int, number: str, kind: str, reason: str) -> None:
        world.expect(day, number, kind, "matched", "none", reason=reason, key=f"ALIPAY|{number}|refund")

    order = world.order(2, 4_000)
    world.pay(2, order.order_no, 4_000)
    expect(6, _refund(world, 6, 6, 4_001, order.order_no), "refund_too_large", "refund_exceeds_original")
    fits = _refund(world, 7, 7, 4_000, order.order_no)
    expect(7, fits, "refund_after_refused_one", "")
    expect(6, _refund(world, 6, 6, 900, "A-9999"), "refund_without_original", "refund_without_original")


def _unknown_to_the_configuration(world: World) -> None:
    order = world.order(1, 5_100, participant="M999")
    world.pay(1, order.order_no, 5_100)
    world.expect(1, order.order_no, "unknown_participant", "matched", "none", reason="unknown_participant")
    order = world.order(2, 5_200, product="NOVELTY")
    world.pay(2, order.order_no, 5_200)
    world.expect(2, order.order_no, "unknown_product", "matched", "none", reason="unknown_product")
    order = world.order(3, 5_300, channel="JDPAY")
    world.expect(
        3, order.order_no, "unknown_channel", "platform_only", "error", channel="JDPAY", reason="unknown_channel"
    )
    order = world.order(4, 5_400, currency="XXX")
    world.pay(4, order.order_no, 5_400)
    world.expect(4, order.order_no, "unknown_currency", "currency_mismatch", "error", reason="unknown_currency")


def _not_clearable(world: World) -> None:
    order = world.order(3, 0)
    world.expect(3, order.order_no, "bad_amount", "platform_only", "error", reason="bad_amount")
    order = world.order(5, 50_500, order_type="repayment", product="LOAN1", participant="SPV1", channel="")
    world.pay(5, order.order_no, 50_500)
    key = f"|{order.order_no}"
    world.expect(5, order.order_no, "no_interest_given", "matched", "none", channel="", reason="bad_amount", key=key)
    order = world.order(5, 3_000, lines=[("M001", "RETAIL", 1_000), ("M002", "GROCERY", 2_001)], product="")
    world.pay(5, order.order_no, 3_001)
    world.expect(5, order.order_no, "line_total_mismatch", "matched", "none", reason="line_total_mismatch")
    order = world.order(6, 6_600, channel="")
    world.pay(6, order.order_no, 6_600)
    key = f"|{order.order_no}"
    world.expect(6, order.order_no, "no_model", "matched", "none", channel="", reason="no_model", key=key)
    order = world.order(6, 6_700, attributes={"promotion": "SPRING", "coupon": "YES"})
    world.pay(6, order.order_no, 6_700)
    world.expect(6, order.order_no, "several_models", "matched", "none", reason="several_models")
    order = world.order(9, 88_000, participant="M004", channel="WECHAT")
    world.pay(9, order.order_no, 88_000, channel="WECHAT")
    world.expect(9, order.order_no, "no_contract", "matched", "none", channel="WECHAT", reason="no_contract")
    order = world.order(8, 10_000, product="GIFTCARD")
    world.pay(8, order.order_no, 10_000)
    world.expect(8, order.order_no, "no_rule", "matched", "none", reason="no_rule")


def _versions(world: World) -> None:
    first = world.order(5, 7_000, status="pending")
    world.order(5, 7_000, order_no=first.order_no, version=2, at=first.ordered_at)
    world.order(5, 7_100, order_no=first.order_no, version=3, at=first.ordered_at)
    world.pay(5, first.order_no, 7_100)
    world.expect(5, first.order_no, "several_versions", "matched", "none")
    number = world.number("A")
    second = world.order(5, 7_300, order_no=number, version=2)
    world.pay(5, number, 7_300)
    world.order(6, 7_200, order_no=number, version=1, at=second.ordered_at)
    world.expect(5, number, "lower_version_late", "matched", "none")
    order = world.order(2, 7_500)
    world.pay(2, order.order_no, 7_500)
    world.order(4, 7_500, order_no=order.order_no, version=2, participant="M002", at=order.ordered_at)
    world.expect(4, order.order_no, "correction", "matched", "none")
    order = world.order(3, 7_600, participant="M999")
    world.order(5, 7_600, order_no=order.order_no, version=2, participant="M999", status="failed", at=order.ordered_at)
    world.expect(3, order.order_no, "corrected_to_failed", "matched_late", "none")


def _repeated_rows(world: World) -> None:
    order = world.order(2, 2_500)
    line = world.pay(2, order.order_no, 2_500)
    world.days[2].orders.append(order)
    world.days[3].orders.append(order)
    world.days[3].payments.append(line)
    world.expect(2, order.order_no, "repeated_row", "matched", "none")
    order = world.order(6, 2_600)
    line = world.pay(6, order.order_no, 2_600)
    world.days[7].payments.append(replace(line, amount="2600.00"))
    world.expect(6, order.order_no, "modified_line", "matched", "none")


def _refused_correction(world: World) -> None:
    """A sale that has been refunded is not corrected any more."""
    order = world.order(2, 8_200)
    world.pay(2, order.order_no, 8_200)
    _refund(world, 3, 3, 1_200, order.order_no)
    world.order(4, 8_200, order_no=order.order_no, version=2, participant="M002", at=order.ordered_at)
    world.expect(4, order.order_no, "correction_refused", "matched", "none", reason="correction_after_refund")
