"""The demo's generated days: shape, answers, and agreement with the shipped configuration."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from settle.generate.demo import DEMO_DAYS, make_demo
from settle.generate.world import CHANNEL_FEES, World, channel_fee, major

PROJECT = Path(__file__).resolve().parents[2]
CONFIG = PROJECT / "seeds" / "config"
EXCEPTION_REASONS = {
    "unknown_currency",
    "unknown_product",
    "unknown_participant",
    "unknown_channel",
    "bad_amount",
    "line_total_mismatch",
    "no_model",
    "several_models",
    "no_contract",
    "no_rule",
    "refund_without_original",
    "refund_exceeds_original",
    "correction_after_refund",
}
RESULTS = {
    "matched",
    "matched_late",
    "amount_mismatch",
    "fee_mismatch",
    "currency_mismatch",
    "status_mismatch",
    "platform_only",
    "channel_only",
    "duplicate_channel",
}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def content_of(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_the_same_seed_makes_the_same_bytes_and_another_seed_other_trade(tmp_path: Path) -> None:
    make_demo(tmp_path / "first", seed=3)
    make_demo(tmp_path / "second", seed=3)
    make_demo(tmp_path / "third", seed=4)
    assert content_of(tmp_path / "first") == content_of(tmp_path / "second")
    assert content_of(tmp_path / "first") != content_of(tmp_path / "third")


def test_there_are_three_files_for_each_of_ten_business_days(tmp_path: Path) -> None:
    make_demo(tmp_path)
    assert [day.isoformat() for day in DEMO_DAYS] == [
        f"2026-01-{day:02d}" for day in (5, 6, 7, 8, 9, 12, 13, 14, 15, 16)
    ]
    names = {path.name for path in tmp_path.iterdir()}
    wanted = {f"{kind}_{day}.csv" for kind in ("orders", "order_lines", "payments") for day in DEMO_DAYS}
    assert names == wanted | {"answers.csv"}


def test_every_result_and_every_reason_of_this_release_is_planted(tmp_path: Path) -> None:
    make_demo(tmp_path)
    answers = rows_of(tmp_path / "answers.csv")
    assert {row["result"] for row in answers} == RESULTS
    assert {row["reason"] for row in answers if row["reason"]} == EXCEPTION_REASONS
    assert {row["match_kind"] for row in answers} == {"", "auto", "late", "auto_fill", "tolerance"}
    assert {row["pool"] for row in answers} == {"none", "buffer", "error"}


def test_answers_name_each_item_once_and_orders_or_lines_that_exist(tmp_path: Path) -> None:
    world = make_demo(tmp_path)
    keys = Counter(answer.item_key for answer in world.answers)
    assert [key for key, count in keys.items() if count > 1] == []
    known = {order.order_no for day in world.days for order in day.orders}
    known |= {line.order_no for day in world.days for line in day.payments}
    assert [answer.order_no for answer in world.answers if answer.order_no not in known] == []


def test_ordinary_trade_is_consistent_with_its_statement(tmp_path: Path) -> None:
    """Outside of the answer key each successful order is paid in full on its day, so every break is a planted one."""
    world = make_demo(tmp_path)
    planted = {answer.order_no for answer in world.answers}
    planted |= {order.original_order_no for day in world.days for order in day.orders}
    for day in world.days:
        parts: Counter[str] = Counter()
        for line in day.order_lines:
            parts[line.order_no] += cents(line.amount)
        paid: Counter[str] = Counter()
        for payment in day.payments:
            if payment.status == "success":
                paid[payment.order_no] += cents(payment.amount)
        for order in day.orders:
            if order.order_no in planted:
                continue
            owed = (parts[order.order_no] or cents(order.amount)) if order.status == "success" else 0
            assert paid[order.order_no] == owed, order


def cents(text: str) -> int:
    """A file's amount in hundredths; whole amounts (JPY) count as such."""
    whole, _, rest = text.partition(".")
    return int(whole) * 100 + int(rest.ljust(2, "0") or "0")


def test_orders_use_codes_that_the_shipped_configuration_knows(tmp_path: Path) -> None:
    world = make_demo(tmp_path)
    excused = {answer.order_no for answer in world.answers if answer.reason.startswith("unknown_")}
    excused |= {answer.order_no for answer in world.answers if answer.kind == "corrected_to_failed"}
    known = {
        name: {row[column] for row in rows_of(CONFIG / f"{name}.csv")} | {""}
        for name, column in (
            ("participants", "participant_id"),
            ("products", "product_code"),
            ("channels", "channel_code"),
        )
    }
    for day in world.days:
        for order in day.orders:
            if order.order_no not in excused:
                assert order.participant_id in known["participants"], order
                assert order.product_code in known["products"], order
                assert order.channel_code in known["channels"], order


def test_channel_fees_are_those_of_the_shipped_rules() -> None:
    rules = {row["rule_code"]: row for row in rows_of(CONFIG / "billing_rules.csv") if row["fee_type"] == "channel_fee"}
    shipped = {
        code.removeprefix("FEE_"): (
            int(rule["ppm"]),
            rule["rounding"],
            int(rule["min_minor"] or 0),
            int(rule["max_minor"]) if rule["max_minor"] else None,
        )
        for code, rule in rules.items()
    }
    assert shipped == CHANNEL_FEES


@pytest.mark.parametrize(
    ("channel", "minor", "fee"),
    [
        ("ALIPAY", 8_250, 50),
        ("WECHAT", 8_250, 50),
        ("ALIPAY", 8_417, 51),
        ("WECHAT", 10, 1),
        ("WECHAT", 9_999_999, 20_000),
    ],
)
def test_channel_fee_rounds_and_clamps(channel: str, minor: int, fee: int) -> None:
    assert channel_fee(channel, minor) == fee


def test_half_a_cent_goes_up_at_alipay_and_to_even_at_wechat() -> None:
    assert (channel_fee("ALIPAY", 12_250), channel_fee("WECHAT", 12_250)) == (74, 74)
    assert (channel_fee("ALIPAY", 3_750), channel_fee("WECHAT", 3_750)) == (23, 22)
    assert channel_fee("OFFLINE", 3_750) is None


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(1_050, "CNY", "10.50"), (5, "CNY", "0.05"), (1_050, "JPY", "1050"), (-5, "CNY", "-0.05")],
)
def test_amounts_are_written_as_decimal_text(minor: int, currency: str, text: str) -> None:
    assert major(minor, currency) == text


def test_numbers_count_up_by_series() -> None:
    world = World([date(2026, 1, 5)], seed=1)
    assert [world.number("A"), world.number("A"), world.number("R")] == ["A-0001", "A-0002", "R-0001"]
