"""Corrections by the oracle against numbers worked out by hand: rule R is 1 % of the amount."""

import pytest

from tests.oracle.hand import (
    MONDAY,
    batch,
    bearer,
    config,
    model,
    order,
    order_line,
    pick,
    refund,
    results,
    rule,
    split,
)

TUESDAY, WEDNESDAY, THURSDAY = "2026-01-06", "2026-01-07", "2026-01-08"
MOVES = ("batch_id", "clearing_seq", "entry_kind", "order_no", "order_version", "base_minor", "fee_minor")


def test_a_correction_takes_back_all_of_the_old_version_and_clears_the_new_one() -> None:
    second = order("O", 200, version=2, participant_id="N", ordered_at=f"{TUESDAY}T09:00:00+08:00")
    found = results([batch(MONDAY, order("O", 100)), batch(TUESDAY, order("Q", 1), second)])
    assert pick(found.details, *MOVES) == [
        (1, 1, "new", "O", 1, 10_000, 100),
        (2, 2, "new", "Q", 1, 100, 1),
        (2, 3, "reversal", "O", 1, -10_000, -100),
        (2, 4, "new", "O", 2, 20_000, 200),
    ]
    assert found.exceptions == []
    entries = [row for row in found.entries if row["order_no"] == "O"]
    assert pick(entries, "entry_kind", "participant_id", "net_minor") == [
        ("new", "M", 9_900),
        ("new", "N", 19_800),
        ("reversal", "M", -9_900),
    ]
    # Dated by the correction, like the version that causes it.
    assert [str(row["settlement_date"]) for row in entries] == [MONDAY, TUESDAY, TUESDAY]


@pytest.mark.parametrize("status", ["failed", "closed", "pending"])
def test_a_version_that_is_not_successful_only_takes_back(status: str) -> None:
    found = results([batch(MONDAY, order("O", 100)), batch(TUESDAY, order("O", 100, version=2, status=status))])
    assert pick(found.details, "batch_id", "entry_kind", "fee_minor") == [(1, "new", 100), (2, "reversal", -100)]
    assert found.exceptions == []


def test_a_version_with_a_reason_waits_while_the_old_lines_stay_reversed_and_the_next_one_clears() -> None:
    found = results(
        [
            batch(MONDAY, order("O", 100)),
            batch(TUESDAY, order("O", 200, version=2, product_code="?")),
            batch(WEDNESDAY, order("O", 300, version=3), order("Q", 1, ordered_at=f"{WEDNESDAY}T10:00:00+08:00")),
        ]
    )
    # Ordered on Monday, yet behind Wednesday's new business: an order that ever cleared is an adjustment.
    assert pick(found.details, "batch_id", "entry_kind", "order_no", "order_version") == [
        (1, "new", "O", 1),
        (2, "reversal", "O", 1),
        (3, "new", "Q", 1),
        (3, "new", "O", 3),
    ]
    assert pick(found.exceptions, "batch_id", "order_version", "reason_code") == [(2, 2, "unknown_product")]


def test_lower_versions_that_come_late_never_count() -> None:
    found = results([batch(MONDAY, order("O", 100, version=2)), batch(TUESDAY, order("O", 100))])
    assert pick(found.details, "batch_id", "order_version") == [(1, 2)]


def test_lines_are_taken_back_by_number_before_the_new_ones_clear() -> None:
    found = results(
        [
            batch(MONDAY, order("O", ""), order_line("O", 2, 1), order_line("O", 7, 2, participant_id="N")),
            batch(TUESDAY, order("O", "", version=2), order_line("O", 5, 3, version=2)),
        ]
    )
    assert pick(found.details, "clearing_seq", "entry_kind", "line_no", "participant_id", "base_minor") == [
        (1, "new", 2, "M", 100),
        (2, "new", 7, "N", 200),
        (3, "reversal", 2, "M", -100),
        (4, "reversal", 7, "N", -200),
        (5, "new", 5, "M", 300),
    ]


def test_refunds_reversals_and_corrections_are_one_row_by_time() -> None:
    found = results(
        [
            batch(MONDAY, order("A", 10), order("Z", 10)),
            batch(
                TUESDAY,
                order("Z", 20, version=2, ordered_at=f"{MONDAY}T08:00:00+08:00"),
                refund("R", "A", 1, ordered_at=f"{MONDAY}T08:00:00+08:00"),
                refund("S", "A", 1, ordered_at=f"{MONDAY}T07:00:00+08:00"),
                order("A2", 1, ordered_at=f"{MONDAY}T23:00:00+08:00"),
            ),
        ]
    )
    assert pick(found.details[2:], "order_no", "order_version", "entry_kind") == [
        ("A2", 1, "new"),
        ("S", 1, "refund"),
        ("R", 1, "refund"),
        ("Z", 1, "reversal"),
        ("Z", 2, "new"),
    ]


# Refunds and corrections


def test_a_refund_of_what_is_corrected_in_its_batch_waits_for_the_next() -> None:
    found = results(
        [
            batch(MONDAY, order("O", 100)),
            batch(TUESDAY, order("O", 200, version=2), refund("R", "O", 50)),
            batch(WEDNESDAY),
        ]
    )
    assert pick(found.exceptions, "batch_id", "order_no", "reason_code") == [(2, "R", "refund_without_original")]
    # A quarter of the new fee of 200.
    assert pick(found.details[3:], "batch_id", "order_no", "fee_minor") == [(3, "R", -50)]


def test_a_refund_of_what_is_only_taken_back_never_finds_it() -> None:
    found = results(
        [
            batch(MONDAY, order("O", 100)),
            batch(TUESDAY, order("O", 100, version=2, status="failed"), refund("R", "O", 50)),
            batch(WEDNESDAY),
        ]
    )
    assert pick(found.exceptions, "batch_id", "order_no", "reason_code") == [(2, "R", "refund_without_original")]
    assert pick(found.details, "entry_kind") == [("new",), ("reversal",)]


@pytest.mark.parametrize("status", ["success", "failed"])
def test_after_a_refund_no_version_corrects(status: str) -> None:
    found = results(
        [
            batch(MONDAY, order("O", 100)),
            batch(TUESDAY, refund("R", "O", 50)),
            batch(WEDNESDAY, order("O", 200, version=2, status=status)),
            batch(THURSDAY, order("O", 100, version=3), refund("S", "O", 50)),
        ]
    )
    assert pick(found.exceptions, "batch_id", "order_no", "order_version", "reason_code") == [
        (3, "O", 2, "correction_after_refund"),
        (4, "O", 3, "correction_after_refund"),
    ]
    # The live lines stay refundable.
    assert pick(found.details, "order_no", "fee_minor") == [("O", 100), ("R", -50), ("S", -50)]


def test_a_cleared_refund_is_not_corrected() -> None:
    found = results(
        [
            batch(MONDAY, order("O", 100), refund("R", "O", 50)),
            batch(TUESDAY, refund("R", "O", 10, version=2)),
            batch(WEDNESDAY, order("R", 10, version=3, status="failed")),
        ]
    )
    assert pick(found.exceptions, "batch_id", "order_version", "reason_code") == [
        (2, 2, "correction_after_refund"),
        (3, 3, "correction_after_refund"),
    ]
    assert len(found.details) == 2


def test_what_cleared_does_not_become_a_refund_but_may_become_another_sale() -> None:
    found = results(
        [
            batch(MONDAY, order("O", 100), order("Q", 100)),
            batch(TUESDAY, refund("O", "Q", 10, version=2)),
            batch(WEDNESDAY, order("O", 50, version=3)),
        ]
    )
    assert pick(found.exceptions, "batch_id", "reason_code") == [(2, "correction_after_refund")]
    assert pick(found.details[2:], "batch_id", "entry_kind", "order_version", "fee_minor") == [
        (3, "reversal", 1, -100),
        (3, "new", 3, 50),
    ]


def test_another_reason_of_the_list_comes_before_correction_after_refund() -> None:
    found = results(
        [
            batch(MONDAY, order("O", 100), refund("R", "O", 50)),
            batch(TUESDAY, order("O", 200, version=2, product_code="?")),
        ]
    )
    assert pick(found.exceptions, "reason_code") == [("unknown_product",)]
    assert pick(found.details, "entry_kind") == [("new",), ("refund",)]


# Accumulators


def test_a_reversal_frees_the_cap_before_the_new_version_takes_it() -> None:
    tables = config(
        allocation_rules=[split()],
        allocation_bearers=[
            bearer("N", 1, cap_minor=7, cap_period="month"),
            bearer("rest", 2, is_residual="true"),
        ],
        billing_rules=[rule(allocation_rule_code="A")],
    )
    february = "2026-02-02"
    found = results(
        [
            batch(MONDAY, order("O", 5), order("Q", 5)),
            batch(
                february,
                order("O", 3, version=2),
                order("P", 5),
                order("F", 9, ordered_at=f"{february}T10:00:00+08:00"),
            ),
        ],
        tables,
    )
    columns = ("order_no", "order_version", "bearer", "period_key", "granted_minor", "accumulated_minor")
    assert pick(found.allocations, *columns) == [
        ("O", 1, "N", "2026-01", 5, 5),
        ("Q", 1, "N", "2026-01", 2, 7),
        ("Q", 1, "rest", "none", 3, None),
        ("P", 1, "rest", "none", 5, None),
        ("F", 1, "N", "2026-02", 7, 7),
        ("F", 1, "rest", "none", 2, None),
        ("O", 1, "N", "2026-01", -5, 2),
        ("O", 2, "N", "2026-01", 3, 5),
    ]
    assert pick(found.accumulators, "batch_id", "period_key", "opening_minor", "granted_minor", "released_minor") == [
        (1, "2026-01", 0, 7, 0),
        (2, "2026-01", 7, 3, 5),
        (2, "2026-02", 0, 7, 0),
    ]
    charges = [row for row in found.entries if row["participant_id"] == "N" and row["order_no"] == "O"]
    assert pick(charges, "entry_kind", "gross_minor", "charge_minor", "net_minor") == [
        ("new", 0, 5, -5),
        ("new", 0, 3, -3),
        ("reversal", 0, -5, 5),
    ]


def test_reversals_lower_the_gross_of_a_bill_not_its_refunds() -> None:
    tables = config(settlement_models=[model(cycle="D3")])
    found = results(
        [batch(MONDAY, order("O", 100)), batch(TUESDAY, order("O", 40, version=2)), batch(THURSDAY)], tables
    )
    assert pick(found.bills, "entry_count", "gross_minor", "refund_minor", "fee_minor", "net_minor") == [
        (3, 4_000, 0, 40, 3_960)
    ]
