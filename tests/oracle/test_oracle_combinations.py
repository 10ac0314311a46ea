"""What a model does with an amount, contract currencies and models without order, by hand."""

import pytest

from tests.oracle.hand import (
    MONDAY,
    batch,
    bearer,
    child,
    config,
    model,
    order,
    order_line,
    pick,
    refund,
    results,
    rule,
    seed,
    split,
)
from tests.oracle.world import Row

TUESDAY, WEDNESDAY = "2026-01-06", "2026-01-07"
THREE_SEVEN = [bearer("N", 1, ppm=300_000), bearer("rest", 2, ppm=700_000, is_residual="true")]


def combined(combination: str, **rule_values: object) -> dict[str, list[Row]]:
    """Model S with a combination; rule R names allocation rule A, N 30 % and the rest 70 %."""
    return config(
        settlement_models=[model(combination=combination, allocation_rule_code="A")],
        allocation_rules=[split("ratio")],
        allocation_bearers=THREE_SEVEN,
        billing_rules=[rule(allocation_rule_code="A", **rule_values)],
    )


@pytest.mark.parametrize("combination", ["", "bill_allocate"])
def test_each_rule_bills_and_allocates_where_it_names_an_allocation_rule(combination: str) -> None:
    found = results([batch(MONDAY, order("O", 10))], combined(combination))
    assert pick(found.details, "rule_code", "fee_type", "base_minor", "fee_minor") == [("R", "commission", 1000, 10)]
    assert pick(found.allocations, "bearer", "granted_minor") == [("N", 3), ("rest", 7)]
    assert pick(found.entries, "participant_id", "fee_minor", "charge_minor") == [("M", 0, 0), ("N", 0, 3)]


def test_bill_does_not_allocate_and_the_payee_pays() -> None:
    found = results([batch(MONDAY, order("O", 10)), batch(TUESDAY, refund("R", "O", 5))], combined("bill"))
    assert found.allocations == []
    assert pick(found.entries, "participant_id", "fee_minor", "charge_minor") == [("M", 10, 0), ("M", -5, 0)]


def test_allocate_splits_the_amount_itself_and_bills_nothing() -> None:
    tables = combined("allocate")
    tables["billing_rules"] = []  # not even looked at
    found = results([batch(MONDAY, order("O", 10)), batch(TUESDAY, refund("R", "O", "3.33"))], tables)
    assert pick(found.details, "order_no", "rule_code", "fee_type", "base_minor", "fee_minor") == [
        ("O", "A", "amount", 1000, 1000),
        ("R", "A", "amount", -333, -333),
    ]
    # 333 over 300 and 700: 99.9 and 233.1.
    assert pick(found.allocations, "rule_code", "bearer", "granted_minor") == [
        ("A", "N", 300),
        ("A", "rest", 700),
        ("A", "N", -100),
        ("A", "rest", -233),
    ]
    assert pick(found.entries, "order_no", "participant_id", "gross_minor", "charge_minor", "net_minor") == [
        ("O", "M", 1000, 0, 1000),
        ("O", "N", 0, 300, -300),
        ("R", "M", -333, 0, -333),
        ("R", "N", 0, -100, 100),
    ]


def test_allocate_bill_prices_each_leaf_share_and_gives_back_by_share() -> None:
    tables = combined("allocate_bill", min_minor=4)
    found = results(
        [
            batch(MONDAY, order("O", 10)),
            batch(TUESDAY, refund("R1", "O", 5)),
            batch(WEDNESDAY, refund("R2", "O", 5)),
        ],
        tables,
    )
    # Shares of 300 and 700: 3, at least 4, and 7. Half of each: 2, and 3.5 up to 4; then what is left.
    assert pick(found.details, "order_no", "rule_code", "base_minor", "fee_minor") == [
        ("O", "A", 1000, 1000),
        ("O", "R", 1000, 11),
        ("R1", "A", -500, -500),
        ("R1", "R", -500, -6),
        ("R2", "A", -500, -500),
        ("R2", "R", -500, -5),
    ]
    fees = [row for row in found.allocations if row["rule_code"] == "R"]
    assert pick(fees, "order_no", "level", "bearer", "period_key", "granted_minor", "cap_minor") == [
        ("O", 1, "N", "none", 4, None),
        ("O", 1, "rest", "none", 7, None),
        ("R1", 1, "N", "none", -2, None),
        ("R1", 1, "rest", "none", -4, None),
        ("R2", 1, "N", "none", -2, None),
        ("R2", 1, "rest", "none", -3, None),
    ]
    assert pick(found.entries, "order_no", "participant_id", "charge_minor") == [
        ("O", "M", 0),
        ("O", "N", 304),
        ("R1", "M", 0),
        ("R1", "N", -152),
        ("R2", "M", 0),
        ("R2", "N", -152),
    ]


def test_shares_are_those_of_bearers_without_children_and_nothing_for_those_who_got_nothing() -> None:
    tables = combined("allocate_bill", method="fixed", base="count", fixed_minor=5)
    tables["allocation_rules"] = [split("ratio"), split("sequence", level=2, parent_bearer="N")]
    tables["allocation_bearers"] = [
        *THREE_SEVEN,
        child("N", "M", 1, cap_minor=100, cap_period="day"),
        child("N", "fund", 2, cap_minor=0, cap_period="day"),
        child("N", "bank", 3, is_residual="true"),
    ]
    found = results([batch(MONDAY, order("O", 10)), batch(TUESDAY, refund("R", "O", 5))], tables)
    fees = [row for row in found.allocations if row["rule_code"] == "R"]
    assert pick(fees[:3], "level", "parent_bearer", "bearer", "granted_minor", "accumulated_minor") == [
        (2, "N", "M", 5, None),
        (2, "N", "bank", 5, None),
        (1, "", "rest", 5, None),
    ]
    # A base of 3 shares; half of it is 1.5, up to 2. Each share gives back half of its 5: 3.
    assert pick([row for row in found.details if row["rule_code"] == "R"], "base_minor", "fee_minor") == [
        (3, 15),
        (-2, -9),
    ]


def test_refunds_of_one_batch_share_the_release_of_a_share() -> None:
    tables = combined("allocate_bill")
    found = results([batch(MONDAY, order("O", 10)), batch(TUESDAY, refund("R1", "O", 2), refund("R2", "O", 8))], tables)
    # 1000 released together: 300 of N, then 700 of the rest. R1's 200 are N's: fee 3 × 200 / 300 = 2.
    # R2's 800 are the last 100 of N, 1, and all of the rest, 7.
    fees = [row for row in found.allocations if row["rule_code"] == "R"]
    assert pick(fees, "order_no", "bearer", "granted_minor") == [
        ("O", "N", 3),
        ("O", "rest", 7),
        ("R1", "N", -2),
        ("R2", "N", -1),
        ("R2", "rest", -7),
    ]


def test_fees_that_are_not_given_back_stay_with_their_shares() -> None:
    tables = combined("allocate_bill", refund_fee="false")
    found = results([batch(MONDAY, order("O", 10)), batch(TUESDAY, refund("R", "O", 10))], tables)
    assert pick(found.details[2:], "rule_code", "base_minor", "fee_minor") == [("A", -1000, -1000), ("R", -1000, 0)]
    assert sum(1 for row in found.allocations if row["rule_code"] == "R") == 2


def test_a_correction_takes_back_amount_shares_and_their_fees() -> None:
    tables = combined("allocate_bill")
    tables["allocation_bearers"] = [
        bearer("N", 1, ppm=300_000, cap_minor=200, cap_period="month"),
        bearer("rest", 2, ppm=700_000, is_residual="true"),
    ]
    found = results([batch(MONDAY, order("O", 10)), batch(TUESDAY, order("O", 4, version=2))], tables)
    columns = ("entry_kind", "rule_code", "base_minor", "fee_minor")
    assert pick(found.details, *columns) == [
        ("new", "A", 1000, 1000),
        ("new", "R", 1000, 10),
        ("reversal", "A", -1000, -1000),
        ("reversal", "R", -1000, -10),
        ("new", "A", 400, 400),
        ("new", "R", 400, 4),
    ]
    moves = [row for row in found.allocations if row["bearer"] == "N"]
    assert pick(moves, "order_version", "rule_code", "granted_minor", "accumulated_minor") == [
        (1, "A", 200, 200),
        (1, "R", 2, None),
        (1, "A", -200, 0),
        (1, "R", -2, None),
        (2, "A", 120, 120),
        (2, "R", 1, None),
    ]


# Contract currency


def contracted(currency: str, *rates: tuple[str, str, str, str]) -> dict[str, list[Row]]:
    """Merchant M's contract for model S is kept in another currency."""
    names = ("rate_date", "from_currency", "to_currency", "rate")
    return config(
        contracts=[
            seed("contracts", contract_no="K", participant_id="M", model_code="S", currency=currency),
        ],
        fx_rates=[seed("fx_rates", **dict(zip(names, rate, strict=True))) for rate in rates],
    )


SHOWN = ("fee_minor", "contract_currency", "contract_fee_minor", "contract_base_minor", "fx_rate_date")


@pytest.mark.parametrize(
    ("currency", "rates", "expected"),
    [
        ("JPY", [("2026-01-05", "CNY", "JPY", "20.5")], ("JPY", 3, 309, MONDAY)),  # 15 fen: 3.075; 15.05: 308.525
        ("KWD", [("2026-01-01", "CNY", "KWD", "0.043")], ("KWD", 6, 647, "2026-01-01")),  # 6.45 and 647.15
        ("KWD", [("2026-01-01", "CNY", "KWD", "0.05")], ("KWD", 8, 753, "2026-01-01")),  # 7.5 up, 752.5 up
        ("CNY", [("2026-01-01", "CNY", "CNY", "2")], ("CNY", 15, 1505, None)),
        ("JPY", [("2026-01-06", "CNY", "JPY", "20")], ("JPY", None, None, None)),
        ("JPY", [("2026-01-01", "JPY", "CNY", "0.05")], ("JPY", None, None, None)),
        ("", [("2026-01-01", "CNY", "JPY", "20")], ("", None, None, None)),
    ],
)
def test_fees_are_shown_in_the_contracts_currency(
    currency: str, rates: list[tuple[str, str, str, str]], expected: tuple[object, ...]
) -> None:
    row = results([batch(MONDAY, order("O", "15.05"))], contracted(currency, *rates)).details[0]
    date_shown = str(row["fx_rate_date"]) if row["fx_rate_date"] else None
    assert (*(row[name] for name in SHOWN[1:4]), date_shown) == expected


def test_the_latest_rate_not_after_the_orders_own_date_counts_and_a_reversal_takes_back_what_was_shown() -> None:
    rates = [
        ("2026-01-01", "CNY", "JPY", "10"),
        (MONDAY, "CNY", "JPY", "20"),
        (TUESDAY, "CNY", "JPY", "30"),
        (WEDNESDAY, "CNY", "JPY", "40"),
    ]
    found = results(
        [
            batch(MONDAY, order("O", 100), order("P", 100)),
            batch(
                TUESDAY,
                refund("R", "P", 50, ordered_at=f"{TUESDAY}T10:00:00+08:00"),
                order("O", 100, version=2, ordered_at=f"{WEDNESDAY}T10:00:00+08:00"),
            ),
        ],
        contracted("JPY", *rates),
    )
    shown = [(row["entry_kind"], row["contract_fee_minor"], str(row["fx_rate_date"])) for row in found.details]
    assert shown == [
        ("new", 20, MONDAY),
        ("new", 20, MONDAY),
        ("refund", -15, TUESDAY),
        ("reversal", -20, MONDAY),
        ("new", 40, WEDNESDAY),
    ]
    # What settles is in the order's currency.
    assert pick(found.entries[:1], "fee_minor") == [(100,)]


# Models without order


def test_lines_without_order_come_after_the_ordered_ones_by_number() -> None:
    tables = config(
        settlement_models=[model(), model(model_code="U", product_code="Q", ordered="false")],
        products=[seed("products", product_code=code) for code in ("P", "Q")],
    )
    early, late = {"ordered_at": f"{MONDAY}T01:00:00+08:00"}, {"ordered_at": f"{MONDAY}T20:00:00+08:00"}
    found = results(
        [
            batch(MONDAY, order("Z", 1)),
            batch(
                TUESDAY,
                order("c", 1, product_code="Q", **early),
                order("B", 1, product_code="Q", **late),
                order("a", "", **late),
                order_line("a", 2, 1, product_code="Q"),
                order_line("a", 1, 1, product_code="P"),
                order("d", 1, **early),
                refund("R", "Z", 1, **early),
            ),
        ],
        tables,
    )
    assert pick(found.details[1:], "order_no", "line_no") == [
        ("d", 1),
        ("a", 1),
        ("B", 1),
        ("a", 2),
        ("c", 1),
        ("R", 1),
    ]
