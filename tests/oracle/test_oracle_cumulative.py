"""Cumulative and dated tiers by the oracle against numbers worked out by hand."""

import pytest

from tests.oracle.billing import fee_of, tiers_of
from tests.oracle.hand import MONDAY, batch, config, order, pick, refund, results, rule, seed
from tests.oracle.world import Row

TUESDAY, WEDNESDAY = "2026-01-06", "2026-01-07"


def tier(number: int, low: int, high: int | str, ppm: int, flat: int = 0, **values: object) -> Row:
    """A tier of rule R."""
    bounds = {"from_minor": low, "to_minor": high, "ppm": ppm, "flat_minor": flat}
    return seed("billing_tiers", rule_code="R", tier_no=number, **bounds, **values)


TIERS = [tier(1, 0, 100, 100_000), tier(2, 100, 200, 200_000, 7), tier(3, 200, "", 500_000)]


def cumulative(
    method: str = "cumulative_graduated", tiers: list[Row] = TIERS, **values: object
) -> dict[str, list[Row]]:
    """A configuration in which rule R accumulates its base by month."""
    priced = rule(method=method, accumulate_period="month", ppm="", **values)
    return config(billing_rules=[priced], billing_tiers=tiers)


@pytest.mark.parametrize(
    ("before", "base", "expected"),
    [
        (0, 60, 6),
        (60, 40, 4),  # up to the border, not into the second tier: no flat amount
        (60, 41, 11),  # 4, 0.2 of the second tier, and its flat 7: 11.2
        (100, 10, 9),  # stands at the border and enters: 2 and 7
        (101, 10, 2),  # has entered before
        (120, 150, 51),  # 80 at 20 %, 70 at 50 %
        (60, 300, 111),  # 4, 20 and 7, 80
        (250, 0, 0),
        (100, 0, 0),  # a base of 0 enters nothing
    ],
)
def test_graduated_prices_the_interval_above_what_came_before(before: int, base: int, expected: int) -> None:
    assert fee_of(rule(method="cumulative_graduated"), tiers_of(TIERS, "R"), base, before) == expected


@pytest.mark.parametrize(
    ("before", "base", "expected"), [(0, 500, 50), (99, 500, 50), (100, 500, 107), (199, 10, 9), (200, 10, 5)]
)
def test_volume_takes_the_tier_of_what_came_before(before: int, base: int, expected: int) -> None:
    assert fee_of(rule(method="cumulative_volume"), tiers_of(TIERS, "R"), base, before) == expected


def test_what_lies_beyond_the_last_tier_is_not_priced() -> None:
    ended = tiers_of(TIERS[:2], "R")
    assert fee_of(rule(method="cumulative_graduated"), ended, 500, 150) == 10
    assert fee_of(rule(method="cumulative_volume"), ended, 500, 200) == 0


def test_a_base_of_nothing_still_has_the_minimum() -> None:
    assert fee_of(rule(method="cumulative_graduated", min_minor=3), tiers_of(TIERS, "R"), 0, 0) == 3


def test_the_base_accumulates_by_participant_currency_and_month_of_the_order() -> None:
    found = results(
        [
            batch(
                MONDAY,
                order("A", "0.60"),
                order("B", "0.60"),
                order("C", "1.50"),
                order("D", "0.60", participant_id="N"),
                order("E", "60", currency="JPY"),
                order("F", "0.60", ordered_at="2025-12-31T23:59:59+08:00"),
            )
        ],
        cumulative(),
    )
    columns = ("order_no", "base_before_minor", "accumulate_period_key", "fee_minor")
    assert pick(found.details, *columns) == [
        ("F", 0, "2025-12", 6),
        ("A", 0, "2026-01", 6),
        ("B", 60, "2026-01", 15),
        ("C", 120, "2026-01", 51),
        ("D", 0, "2026-01", 6),
        ("E", 0, "2026-01", 6),
    ]


def test_refunds_and_corrections_take_their_base_out_of_the_period_of_their_original() -> None:
    late = "2026-02-03T10:00:00+08:00"
    found = results(
        [
            batch(MONDAY, order("A", "0.60"), order("B", "0.60")),
            batch(
                "2026-02-03",
                refund("R", "A", "0.30", ordered_at="2026-02-03T09:00:00+08:00"),
                order("B", "0.90", version=2, ordered_at=late),
                order("C", "0.40"),
            ),
        ],
        cumulative(),
    )
    columns = ("order_no", "entry_kind", "base_minor", "base_before_minor", "accumulate_period_key", "fee_minor")
    assert pick(found.details[2:], *columns) == [
        ("C", "new", 40, 120, "2026-01", 8),  # (120, 160] at 20 %
        ("R", "refund", -30, 160, "2026-01", -3),
        ("B", "reversal", -60, 130, "2026-01", -15),
        ("B", "new", 90, 0, "2026-02", 9),
    ]


def test_a_border_that_was_given_back_is_entered_again() -> None:
    found = results(
        [
            batch(MONDAY, order("A", "1.10")),
            batch(TUESDAY, order("A", "1.00", version=2)),
            batch(WEDNESDAY, order("B", "0.10")),
        ],
        cumulative(),
    )
    # 10 + 2 + 7; taken back; up to the border: 10; into the second tier: 2 + 7.
    assert pick(found.details, "base_before_minor", "fee_minor") == [(0, 19), (110, -19), (0, 10), (100, 9)]


@pytest.mark.parametrize(
    ("period", "key"),
    [("month", "2026-01"), ("quarter", "2026-Q1"), ("year", "2026"), ("lifetime", "lifetime")],
)
def test_the_periods_of_an_accumulated_base(period: str, key: str) -> None:
    tables = cumulative()
    tables["billing_rules"] = [{**tables["billing_rules"][0], "accumulate_period": period}]
    assert pick(results([batch(MONDAY, order("A", 1))], tables).details, "accumulate_period_key") == [(key,)]


def test_versions_of_a_rule_share_its_base() -> None:
    first = rule(method="cumulative_graduated", accumulate_period="month", valid_to=TUESDAY)
    second = {**first, "valid_from": TUESDAY, "valid_to": "", "rounding": "up"}
    tables = config(billing_rules=[first, second], billing_tiers=TIERS)
    found = results(
        [batch(MONDAY, order("A", "0.60")), batch(TUESDAY, order("B", "0.41", ordered_at=f"{TUESDAY}T10:00:00+08:00"))],
        tables,
    )
    assert pick(found.details, "base_before_minor", "fee_minor") == [(0, 6), (60, 12)]  # 11.2, up


@pytest.mark.parametrize(
    ("method", "fee"), [("graduated", 65), ("volume", 75), ("cumulative_graduated", 75), ("cumulative_volume", 75)]
)
def test_the_tiers_in_force_on_the_orders_own_date_hold(method: str, fee: int) -> None:
    tiers = [
        tier(1, 0, "", 100_000, valid_to=TUESDAY),
        tier(1, 0, 50, 500_000, valid_from=TUESDAY),
        tier(2, 50, 150, 700_000, 5, valid_from=TUESDAY),
        tier(3, 150, "", 800_000, valid_from=TUESDAY),
    ]
    rows = [order("A", 1), order("B", 1, ordered_at=f"{TUESDAY}T00:00:00+08:00")]
    found = results([batch(TUESDAY, *rows)], cumulative(method, tiers))
    # 10; then 25 + 35 + 5, 70 + 5, (100, 200] at 35 + 40, and the tier of 100: 70 + 5.
    assert pick(found.details, "fee_minor") == [(10,), (fee,)]
