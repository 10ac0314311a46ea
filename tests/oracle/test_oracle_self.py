"""The oracle against numbers worked out by hand, and against what must always hold."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracle.billing import fee_of, formula, rounded, tiers_of
from tests.oracle.hand import (
    MONDAY,
    batch,
    bearer,
    config,
    model,
    order,
    order_line,
    payment,
    refund,
    results,
    rule,
    seed,
)
from tests.oracle.world import Output, Row, largest_remainder, major_units, minor_units, overlaps


def pick(rows: list[Output], *columns: str) -> list[tuple[object, ...]]:
    """Some columns of all rows."""
    return [tuple(row[column] for column in columns) for row in rows]


def allocation(method: str, *bearers: Row, **rule_values: object) -> dict[str, list[Row]]:
    """A configuration in which rule R is split by allocation rule A."""
    return config(
        allocation_rules=[seed("allocation_rules", allocation_rule_code="A", level=1, method=method)],
        allocation_bearers=list(bearers),
        billing_rules=[rule(allocation_rule_code="A", **rule_values)],
    )


def grants(found: list[Output]) -> list[tuple[object, ...]]:
    """Order, bearer, grant and the accumulated amount after it."""
    return pick(found, "order_no", "bearer", "granted_minor", "accumulated_minor")


# Money


@pytest.mark.parametrize(
    ("value", "policy", "expected"),
    [
        (Fraction(5, 2), "half_up", 3),
        (Fraction(5, 2), "", 3),
        (Fraction(5, 2), "half_even", 2),
        (Fraction(7, 2), "half_even", 4),
        (Fraction(5, 2), "down", 2),
        (Fraction(21, 10), "up", 3),
        (Fraction(2), "up", 2),
    ],
)
def test_rounding_policies(value: Fraction, policy: str, expected: int) -> None:
    assert rounded(value, policy) == expected


def test_five_split_by_three_to_seven_is_two_and_three() -> None:
    assert largest_remainder(5, [3, 7]) == [2, 3]
    assert largest_remainder(1, [1, 1, 1]) == [1, 0, 0]


@given(st.integers(0, 10**15), st.lists(st.integers(0, 10**15), min_size=1, max_size=6))
def test_largest_remainder_places_every_unit(amount: int, weights: list[int]) -> None:
    shares = largest_remainder(amount, weights)
    assert sum(shares) == (amount if sum(weights) else 0)
    for share, weight in zip(shares, weights, strict=True):
        assert share >= 0
        assert sum(weights) == 0 or abs(share - Fraction(amount * weight, sum(weights))) < 1


def test_overlaps_lay_amounts_one_after_the_other() -> None:
    assert overlaps([3, 4], [5, 2]) == [[3, 0], [2, 2]]


@given(st.integers(-(10**15), 10**15), st.sampled_from([0, 2, 3]))
def test_major_text_reads_back(minor: int, exponent: int) -> None:
    assert minor_units(major_units(minor, exponent), exponent) == minor


# Billing


@pytest.mark.parametrize(("base", "expected"), [(99, 10), (100, 10), (101, 10), (200, 20), (201, 21), (10_000, 1000)])
def test_graduated_prices_each_slice_and_the_flat_of_each_tier_entered(base: int, expected: int) -> None:
    tiers = tiers_of(
        [
            seed("billing_tiers", rule_code="R", tier_no=1, from_minor=0, to_minor=100, ppm=100_000, flat_minor=0),
            seed("billing_tiers", rule_code="R", tier_no=2, from_minor=100, to_minor=200, ppm=100_000),
            seed("billing_tiers", rule_code="R", tier_no=3, from_minor=200, ppm=99_898, flat_minor=1),
        ],
        "R",
    )
    assert fee_of(rule(method="graduated"), tiers, base) == expected


@pytest.mark.parametrize(("base", "expected"), [(100, 10), (101, 26), (200, 45)])
def test_volume_prices_the_whole_base_by_the_tier_it_falls_in(base: int, expected: int) -> None:
    rows = [
        seed("billing_tiers", rule_code="R", tier_no=1, from_minor=0, to_minor=100, ppm=100_000),
        seed("billing_tiers", rule_code="R", tier_no=2, from_minor=100, ppm=200_000, flat_minor=5),
    ]
    assert fee_of(rule(method="volume", rounding="up"), tiers_of(rows, "R"), base) == expected


def test_package_counts_begun_packages() -> None:
    prices = rule(method="package", package_size_minor=100, package_price_minor=7)
    assert [fee_of(prices, [], base) for base in (1, 100, 101)] == [7, 7, 14]


def test_minimum_and_maximum_clamp_after_rounding() -> None:
    assert fee_of(rule(min_minor=5), [], 1) == 5
    assert fee_of(rule(max_minor=5), [], 100_000) == 5


def test_rate_plus_fixed_is_rounded_once() -> None:
    assert formula(rule(method="rate_plus_fixed", ppm=6_000, fixed_minor=30), [], 10**15) == 6 * 10**12 + 30


# Sorting


def test_clearing_order_is_new_business_first_then_time_number_and_line() -> None:
    found = results(
        [
            batch(
                MONDAY,
                refund("a", "Z", "0.50", ordered_at=f"{MONDAY}T08:00:00+08:00"),
                order("a2", 1),
                order("Z", 1, ordered_at=f"{MONDAY}T02:00:00Z"),
                order("Y", "", ordered_at=f"{MONDAY}T09:00:00"),
                order_line("Y", 10, 1),
                order_line("Y", 2, 1),
            )
        ]
    )
    assert pick(found.details, "order_no", "line_no", "clearing_seq") == [
        ("Y", 2, 1),
        ("Y", 10, 2),
        ("Z", 1, 3),
        ("a2", 1, 4),
        ("a", 1, 5),
    ]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"currency": "XQX", "product_code": "?"}, "unknown_currency"),
        ({"product_code": "?", "participant_id": ""}, "unknown_product"),
        ({"participant_id": "", "channel_code": "?"}, "unknown_participant"),
        ({"channel_code": "?", "amount": "0"}, "unknown_channel"),
        ({"amount": "-1", "product_code": ""}, "bad_amount"),
        ({"product_code": ""}, "no_model"),
    ],
)
def test_the_first_reason_in_the_list_counts(changed: dict[str, object], reason: str) -> None:
    found = results([batch(MONDAY, order("O", **{"amount": 1, **changed})), batch("2026-01-06")])
    assert pick(found.exceptions, "batch_id", "order_no", "reason_code") == [(1, "O", reason)]
    assert found.details == []


def test_lines_must_add_up_to_the_header() -> None:
    found = results([batch(MONDAY, order("O", 3), order_line("O", 1, 1), order_line("O", 2, 1))])
    assert pick(found.exceptions, "reason_code") == [("line_total_mismatch",)]


def test_equal_priorities_and_missing_rule_versions_wait() -> None:
    two = config(settlement_models=[model(), model(model_code="S2")])
    assert pick(results([batch(MONDAY, order("O", 1))], two).exceptions, "reason_code") == [("several_models",)]
    ended = config(billing_rules=[rule(valid_to=MONDAY)])
    assert pick(results([batch(MONDAY, order("O", 1))], ended).exceptions, "reason_code") == [("no_rule",)]
    contracted = config(contracts=[seed("contracts", contract_no="K", participant_id="N", model_code="S")])
    assert pick(results([batch(MONDAY, order("O", 1))], contracted).exceptions, "reason_code") == [("no_contract",)]


def test_a_higher_version_clears_a_pending_order() -> None:
    found = results([batch(MONDAY, order("O", 1, status="pending")), batch("2026-01-06", order("O", 2, version=2))])
    assert pick(found.details, "batch_id", "order_no", "order_version") == [(2, "O", 2)]
    assert found.exceptions == []


# Refunds


def test_a_refund_without_lines_is_split_by_largest_remainder_and_laid_in_order() -> None:
    found = results(
        [
            batch(
                MONDAY,
                order("O", ""),
                order_line("O", 1, "0.03"),
                order_line("O", 2, "0.07", participant_id="N"),
                refund("R1", "O", "0.03"),
                refund("R2", "O", "0.02"),
            )
        ]
    )
    # 5 together over lines of 3 and 7: 2 (1.5 has the first of two equal remainders) and 3.
    taken = [row for row in found.details if row["entry_kind"] == "refund"]
    assert pick(taken, "order_no", "line_no", "base_minor") == [("R1", 1, -2), ("R1", 2, -1), ("R2", 2, -2)]
    assert pick(taken, "participant_id") == [("M",), ("N",), ("N",)]


def test_a_refund_that_does_not_fit_uses_nothing_up() -> None:
    found = results(
        [
            batch(
                MONDAY,
                order("O", 10),
                refund("R1", "O", 6),
                refund("R2", "O", 6),
                refund("R3", "O", 4),
                refund("R4", "gone", 1),
                refund("R5", "O", 1, currency="JPY"),
            )
        ]
    )
    assert pick(found.exceptions, "order_no", "reason_code") == [
        ("R2", "refund_exceeds_original"),
        ("R4", "refund_without_original"),
        ("R5", "refund_without_original"),
    ]
    assert sum(row["base_minor"] for row in found.details) == 0  # type: ignore[misc]


def test_a_refund_waits_for_its_original() -> None:
    found = results([batch(MONDAY, refund("R", "O", 1)), batch("2026-01-06", order("O", 2))])
    assert pick(found.exceptions, "batch_id", "reason_code") == [(1, "refund_without_original")]
    assert pick(found.details, "batch_id", "order_no") == [(2, "O"), (2, "R")]


def test_fees_given_back_sum_to_the_fee_and_only_where_the_rule_says_so() -> None:
    batches = [
        batch(MONDAY, order("O", "1.50")),
        batch("2026-01-06", refund("R1", "O", "0.50"), refund("R2", "O", "0.50")),
        batch("2026-01-07", refund("R3", "O", "0.50")),
    ]
    # The fee is round(1.5) = 2; given back so far: 0.67 → 1, 1.33 → 1, 2.
    assert pick(results(batches).details, "fee_minor") == [(2,), (-1,), (0,), (-1,)]
    kept = results(batches, config(billing_rules=[rule(refund_fee="false")]))
    assert pick(kept.details, "fee_minor") == [(2,), (0,), (0,), (0,)]


# Allocation


def test_ratio_hands_the_odd_unit_to_the_smaller_priority() -> None:
    tables = allocation("ratio", bearer("x", 2, ppm=500_000), bearer("y", 1, ppm=500_000, is_residual="true"))
    assert grants(results([batch(MONDAY, order("O", 5))], tables).allocations) == [
        ("O", "y", 3, None),
        ("O", "x", 2, None),
    ]


@pytest.mark.parametrize(
    ("cap", "expected"), [(10, [5, 5]), (9, [5, 4]), (5, [5, 0]), (4, [4, 0]), (0, [0, 0]), (11, [5, 5])]
)
def test_a_cap_is_met_exactly_and_by_one_unit(cap: int, expected: list[int]) -> None:
    tables = allocation(
        "sequence",
        bearer("rest", 1, is_residual="true"),
        bearer("x", 2, cap_minor=cap, cap_period="month"),
    )
    found = results([batch(MONDAY, order("O1", 5), order("O2", 5))], tables)
    granted = {(row["order_no"], row["bearer"]): row["granted_minor"] for row in found.allocations}
    assert [granted.get((number, "x"), 0) for number in ("O1", "O2")] == expected
    assert [granted.get((number, "rest"), 0) for number in ("O1", "O2")] == [5 - part for part in expected]


def test_fixed_demands_come_before_the_caps() -> None:
    tables = allocation(
        "fixed",
        bearer("x", 1, fixed_minor=4, cap_minor=1, cap_period="day"),
        bearer("y", 2, fixed_minor=3),
        bearer("rest", 3, is_residual="true"),
    )
    found = results([batch(MONDAY, order("O", 5))], tables)
    assert grants(found.allocations) == [("O", "x", 1, 1), ("O", "y", 1, None), ("O", "rest", 3, None)]


def test_a_refund_releases_into_the_period_of_its_original() -> None:
    tables = allocation(
        "sequence",
        bearer("x", 1, cap_minor=7, cap_period="day"),
        bearer("rest", 2, is_residual="true"),
    )
    found = results(
        [
            batch(MONDAY, order("O", 10)),
            batch("2026-01-06", refund("R", "O", 5, ordered_at="2026-01-06T10:00:00+08:00")),
        ],
        tables,
    )
    # 5 released over 7 and 3: 3.5 and 1.5, the odd unit to the smaller priority.
    assert grants(found.allocations) == [
        ("O", "x", 7, 7),
        ("O", "rest", 3, None),
        ("R", "x", -4, 3),
        ("R", "rest", -1, None),
    ]
    assert pick(found.accumulators, "batch_id", "period_key", "opening_minor", "released_minor", "closing_minor") == [
        (1, MONDAY, 0, 0, 7),
        (2, MONDAY, 7, 4, 3),
    ]


def test_releases_are_shared_by_what_earlier_refunds_left_of_each_grant() -> None:
    tables = allocation("fixed", bearer("x", 1, fixed_minor=2), bearer("rest", 2, is_residual="true"))
    found = results(
        [
            batch(MONDAY, order("O", 5)),
            batch("2026-01-06", refund("R1", "O", 1)),
            batch("2026-01-07", refund("R2", "O", 1)),
        ],
        tables,
    )
    # 1 over 2 and 3: 0.4 and 0.6, to rest. Then 1 over the 2 and 2 that are left: a tie, to the smaller priority.
    assert grants(found.allocations)[2:] == [("R1", "rest", -1, None), ("R2", "x", -1, None)]


@pytest.mark.parametrize(
    ("period", "key"),
    [
        ("day", "2026-01-05"),
        ("month", "2026-01"),
        ("quarter", "2026-Q1"),
        ("year", "2026"),
        ("contract", ""),
        ("lifetime", "lifetime"),
    ],
)
def test_period_keys(period: str, key: str) -> None:
    tables = allocation(
        "sequence", bearer("x", 1, cap_minor=99, cap_period=period), bearer("rest", 2, is_residual="true")
    )
    assert pick(results([batch(MONDAY, order("O", 1))], tables).allocations, "period_key") == [(key,)]


# Reconciliation


def recon_rule(**values: object) -> dict[str, list[Row]]:
    """A configuration whose channel C has a rule of its own."""
    defaults: dict[str, object] = {"relation": "orders_channel", "channel_code": "C", "grouping": "single"}
    return config(reconciliation_rules=[seed("reconciliation_rules", **{**defaults, **values})])


def history(found: list[Output]) -> list[tuple[object, ...]]:
    """What became of the items."""
    return pick(found, "batch_id", "item_key", "result", "pool", "match_kind")


def test_the_buffer_turns_into_an_error_after_more_than_its_days_and_a_late_line_resolves_it() -> None:
    found = results(
        [
            batch(MONDAY, order("O", 1, channel_code="C")),
            batch("2026-01-08"),
            batch("2026-01-09"),
            batch("2026-01-10", payment("O", 1)),
        ]
    )
    assert history(found.items) == [
        (1, "C|O", "platform_only", "buffer", None),
        (3, "C|O", "platform_only", "error", None),
        (4, "C|O", "matched_late", "none", "late"),
    ]
    assert pick(found.open_items, "batch_id", "age_days") == [(1, 0), (2, 3), (3, 4)]


def test_a_further_line_is_a_duplicate_or_adds_up() -> None:
    batches = [
        batch(
            MONDAY,
            order("O", 2, channel_code="C"),
            payment("O", 2),
            payment("O", 1, channel_txn_no="T2"),
        )
    ]
    assert history(results(batches).items) == [
        (1, "C|O", "matched", "none", "auto"),
        (1, "C|O|dup|T2", "duplicate_channel", "error", None),
    ]
    added = results(batches, recon_rule(grouping="sum"))
    assert pick(added.items, "result", "difference_minor") == [("amount_mismatch", 100)]


def test_a_pending_order_is_filled_only_when_equal_to_the_unit() -> None:
    rows = [order("O", 1, channel_code="C", status="pending"), payment("O", 1)]
    filled = results([batch(MONDAY, *rows)], recon_rule(auto_fill="true", amount_tolerance_minor=5))
    assert history(filled.items) == [(1, "C|O", "matched", "none", "auto_fill")]
    assert pick(filled.details, "order_no") == [("O",)]
    rows[1] = payment("O", "1.01")
    other = results([batch(MONDAY, *rows)], recon_rule(auto_fill="true", amount_tolerance_minor=5))
    assert history(other.items) == [(1, "C|O", "status_mismatch", "error", None)]
    assert other.details == []


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ({"amount": "1.05", "fee": "0.01"}, "matched"),
        ({"amount": "1.06"}, "amount_mismatch"),
        ({"amount": 1}, "matched"),
        ({"amount": 1, "currency": "KWD"}, "currency_mismatch"),
        ({"amount": 1, "fee": "0.02"}, "fee_mismatch"),
        ({"amount": 1, "fee": "0.01"}, "matched"),
        ({"amount": 1, "status": "failed"}, "platform_only"),
        ({"amount": 1, "txn_type": "payout", "fee": "0.01"}, "matched"),
    ],
)
def test_results_of_one_line(line: dict[str, object], result: str) -> None:
    tables = {**recon_rule(amount_tolerance_minor=5, buffer_days=3), "billing_rules": [rule(fee_type="channel_fee")]}
    found = results([batch(MONDAY, order("O", 1, channel_code="C"), payment("O", **line))], tables)
    assert pick(found.items, "result") == [(result,)]


def test_lines_of_other_channels_directions_and_numbers_are_items_of_their_own() -> None:
    found = results(
        [
            batch(
                MONDAY,
                order("O", 1, channel_code="C"),
                payment("O", 1, channel_code="D"),
                payment("O", 1, channel_txn_no="T2", txn_type="refund"),
                order("F", 1, channel_code="C", status="failed"),
                payment("F", 1),
                order("any", 1),
                payment("any", 1, channel_code="D"),
            )
        ]
    )
    assert sorted(history(found.items), key=str) == [
        (1, "C|F", "status_mismatch", "error", None),
        (1, "C|O", "platform_only", "buffer", None),
        (1, "C|O|refund", "channel_only", "error", None),
        (1, "D|O", "channel_only", "error", None),
        (1, "|any", "matched", "none", "auto"),
    ]


def test_an_open_item_whose_order_was_corrected_to_failed_leaves_the_pools() -> None:
    found = results(
        [
            batch(MONDAY, order("O", 1, channel_code="C")),
            batch("2026-01-06", order("O", 1, channel_code="C", version=2, status="failed")),
        ]
    )
    assert pick(found.items, "batch_id", "result", "pool", "left_minor", "right_minor") == [
        (1, "platform_only", "buffer", 100, None),
        (2, "matched_late", "none", None, None),
    ]


def test_an_order_without_a_channel_takes_the_lines_that_waited_for_it() -> None:
    found = results(
        [
            batch(MONDAY, payment("O", 1), payment("O", 1, channel_txn_no="T2")),
            batch("2026-01-06", order("O", 1)),
        ]
    )
    assert sorted(history(found.items), key=str) == [
        (1, "C|O", "channel_only", "error", None),
        (1, "C|O|dup|T2", "duplicate_channel", "error", None),
        (2, "C|O", "matched_late", "none", "late"),
        (2, "C|O|dup|T2", "matched_late", "none", "late"),
        (2, "|O", "matched", "none", "auto"),
        (2, "|O|dup|C|T2", "duplicate_channel", "error", None),
    ]
