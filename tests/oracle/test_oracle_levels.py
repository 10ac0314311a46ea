"""Second level, redistribution and dated caps by the oracle against numbers worked out by hand."""

import pytest

from tests.oracle.allocation import Bearer, redistribute
from tests.oracle.hand import MONDAY, batch, bearer, child, config, order, pick, refund, results, rule, split
from tests.oracle.world import Row

TUESDAY, WEDNESDAY, THURSDAY = "2026-01-06", "2026-01-07", "2026-01-08"
GRANTS = ("order_no", "level", "parent_bearer", "bearer", "period_key", "granted_minor", "accumulated_minor")


def tables(rules: list[Row], bearers: list[Row]) -> dict[str, list[Row]]:
    """A configuration in which the fee of rule R, 1 %, is split by allocation rule A."""
    return config(allocation_rules=rules, allocation_bearers=bearers, billing_rules=[rule(allocation_rule_code="A")])


def at(day: str) -> dict[str, str]:
    """Ordered on a day."""
    return {"ordered_at": f"{day}T10:00:00+08:00"}


# Level 2

TWO_LEVELS = tables(
    [split("ratio"), split("sequence", level=2, parent_bearer="N")],
    [
        bearer("N", 1, ppm=600_000),
        bearer("rest", 2, ppm=400_000, is_residual="true"),
        child("N", "participant", 1, cap_minor=9, cap_period="month"),
        child("N", "N", 2, is_residual="true"),
    ],
)


def test_children_split_what_their_parent_was_granted_and_pay_in_its_place() -> None:
    found = results([batch(MONDAY, order("O", 10), order("P", 10))], TWO_LEVELS)
    assert pick(found.allocations, *GRANTS) == [
        ("O", 1, "", "N", "none", 6, None),
        ("O", 1, "", "rest", "none", 4, None),
        ("O", 2, "N", "participant", "2026-01", 6, 6),
        ("P", 1, "", "N", "none", 6, None),
        ("P", 1, "", "rest", "none", 4, None),
        ("P", 2, "N", "participant", "2026-01", 3, 9),
        ("P", 2, "N", "N", "none", 3, None),
    ]
    # The parent N pays nothing, the child N what it was granted at level 2.
    assert pick(found.entries, "order_no", "participant_id", "charge_minor") == [
        ("O", "M", 6),
        ("P", "M", 3),
        ("P", "N", 3),
    ]
    assert pick(found.accumulators, "level", "parent_bearer", "bearer", "closing_minor", "cap_minor") == [
        (2, "N", "participant", 9, 9)
    ]


def test_what_is_released_of_a_parent_is_released_of_its_children() -> None:
    refunds = [refund("R", "P", 3), refund("S", "P", 2)]
    found = results([batch(MONDAY, order("O", 10), order("P", 10)), batch(TUESDAY, *refunds)], TWO_LEVELS)
    # 5 of 10 over 6 and 4: 3 and 2. The 3 over 3 and 3: the odd one to the smaller priority. R takes the first 3
    # of level 1, all from N; those lie on participant 2 and N 1. S takes the 2 of the rest.
    assert pick(found.allocations[7:], *GRANTS) == [
        ("R", 1, "", "N", "none", -3, None),
        ("R", 2, "N", "participant", "2026-01", -2, 7),
        ("R", 2, "N", "N", "none", -1, None),
        ("S", 1, "", "rest", "none", -2, None),
    ]
    # Of R, the children give back what they were charged; N as a parent was charged nothing.
    charged = [row for row in found.entries if row["entry_kind"] == "refund"]
    assert pick(charged, "order_no", "participant_id", "charge_minor") == [
        ("R", "M", -2),
        ("R", "N", -1),
        ("S", "M", 0),
    ]


def test_a_reversal_takes_back_both_levels_and_the_next_order_finds_the_room() -> None:
    found = results(
        [
            batch(MONDAY, order("O", 10), order("P", 10)),
            batch(TUESDAY, order("O", 10, version=2, status="failed")),
            batch(WEDNESDAY, order("Q", 10)),
        ],
        TWO_LEVELS,
    )
    assert pick(found.allocations[7:], *GRANTS) == [
        ("O", 1, "", "N", "none", -6, None),
        ("O", 2, "N", "participant", "2026-01", -6, 3),
        ("O", 1, "", "rest", "none", -4, None),
        ("Q", 1, "", "N", "none", 6, None),
        ("Q", 1, "", "rest", "none", 4, None),
        ("Q", 2, "N", "participant", "2026-01", 6, 9),
    ]


def test_a_parent_that_is_granted_nothing_has_no_children_to_split_it() -> None:
    nothing = tables(
        [split("sequence"), split("fixed", level=2, parent_bearer="N")],
        [
            bearer("N", 1, cap_minor=0, cap_period="day"),
            bearer("rest", 2, is_residual="true"),
            child("N", "kid", 1, is_residual="true"),
        ],
    )
    assert pick(results([batch(MONDAY, order("O", 10))], nothing).allocations, "bearer") == [("rest",)]


def test_children_that_begin_on_a_day_pay_from_that_day() -> None:
    dated = tables(
        [split("sequence"), split("sequence", level=2, parent_bearer="N")],
        [bearer("N", 1, is_residual="true"), child("N", "M", 1, is_residual="true", valid_from=TUESDAY)],
    )
    found = results([batch(TUESDAY, order("O", 10), order("P", 10, **at(TUESDAY)))], dated)
    charged = [row for row in found.entries if row["charge_minor"]]
    assert pick(charged, "order_no", "participant_id", "charge_minor") == [("O", "N", 10), ("P", "M", 10)]


# Redistribution


def shares(*rows: tuple[int, bool]) -> list[Bearer]:
    """Bearers with ppm and whether they are the residual; priorities as they come."""
    return [Bearer(f"b{place}", place, ppm, 0, None, "", is_residual) for place, (ppm, is_residual) in enumerate(rows)]


THREE = shares((500_000, False), (300_000, False), (200_000, True))


@pytest.mark.parametrize(
    ("amount", "rooms", "expected"),
    [
        (100, (None, None, None), [50, 30, 20]),
        (100, (50, 30, None), [50, 30, 20]),
        (100, (49, 30, None), [49, 30, 21]),
        (100, (20, None, None), [20, 48, 32]),  # the 30 over 3 : 2
        (100, (20, 40, None), [20, 40, 40]),  # 18 and 12, of the 18 only 10, the last 8 alone
        (100, (0, 0, None), [0, 0, 100]),
        (100, (20, 31, None), [20, 31, 49]),
        (101, (20, None, None), [20, 49, 32]),  # 51, 30, 20; the 31: 18.6 and 12.4
        (0, (20, None, None), [0, 0, 0]),
        (1, (0, None, None), [0, 1, 0]),  # 1 to the first, who has no room; of 0.6 and 0.4 the second
    ],
)
def test_what_does_not_fit_is_split_again_among_those_with_room(
    amount: int, rooms: tuple[int | None, ...], expected: list[int]
) -> None:
    assert redistribute(amount, THREE, rooms) == expected


def test_without_any_share_among_those_with_room_the_residual_takes_it() -> None:
    zero_residual = shares((500_000, False), (500_000, False), (0, True))
    assert redistribute(100, zero_residual, (20, 30, None)) == [20, 30, 50]
    only_one = shares((1_000_000, False), (0, False), (0, True))
    assert redistribute(100, only_one, (10, None, None)) == [10, 0, 90]


def test_redistribution_fills_caps_over_several_orders() -> None:
    again = tables(
        [split("ratio", overflow="redistribute")],
        [
            bearer("x", 1, ppm=500_000, cap_minor=60, cap_period="month"),
            bearer("y", 2, ppm=300_000, cap_minor=70, cap_period="month"),
            bearer("rest", 3, ppm=200_000, is_residual="true"),
        ],
    )
    found = results([batch(MONDAY, order("O", 100), order("P", 100), order("Q", 1))], again)
    # Of P's 50 only 10 fit; the 40 are 24 and 16, of the 24 only 10; the last 14 are the residual's.
    assert pick(found.allocations, "order_no", "bearer", "granted_minor", "accumulated_minor") == [
        ("O", "x", 50, 50),
        ("O", "y", 30, 30),
        ("O", "rest", 20, None),
        ("P", "x", 10, 60),
        ("P", "y", 40, 70),
        ("P", "rest", 50, None),
        ("Q", "rest", 1, None),
    ]


# Caps that change


def capped(*rows: dict[str, object]) -> dict[str, list[Row]]:
    """Bearer N takes all it can, with rows of different days."""
    return tables([split()], [*(bearer("N", 1, **row) for row in rows), bearer("rest", 2, is_residual="true")])


def test_a_cap_lowered_below_what_is_accumulated_leaves_no_room_until_releases_bring_it_under() -> None:
    lowered = capped(
        {"cap_minor": 10, "cap_period": "month", "valid_to": TUESDAY},
        {"cap_minor": 3, "cap_period": "month", "valid_from": TUESDAY},
    )
    found = results(
        [
            batch(MONDAY, order("A", 8)),
            batch(TUESDAY, order("B", 5, **at(TUESDAY)), refund("R", "A", 6, **at(TUESDAY))),
            batch(WEDNESDAY, order("C", 5, **at(WEDNESDAY)), order("D", 4)),
        ],
        lowered,
    )
    columns = ("order_no", "bearer", "granted_minor", "accumulated_minor", "cap_minor")
    assert pick(found.allocations, *columns) == [
        ("A", "N", 8, 8, 10),
        ("B", "rest", 5, None, None),
        ("R", "N", -6, 2, 10),
        # D is of Monday: it meets Monday's cap, with the same accumulator.
        ("D", "N", 4, 6, 10),
        ("C", "rest", 5, None, None),
    ]
    assert pick(found.accumulators, "batch_id", "opening_minor", "closing_minor", "cap_minor") == [
        (1, 0, 8, 10),
        (2, 8, 2, 3),
        (3, 2, 6, 3),
    ]


def test_a_raised_cap_gives_room_from_its_day() -> None:
    raised = capped(
        {"cap_minor": 3, "cap_period": "year", "valid_to": TUESDAY},
        {"cap_minor": 5, "cap_period": "year", "valid_from": TUESDAY},
    )
    found = results([batch(TUESDAY, order("A", 9), order("B", 9, **at(TUESDAY)))], raised)
    taken = [row for row in found.allocations if row["bearer"] == "N"]
    assert pick(taken, "granted_minor", "accumulated_minor", "cap_minor") == [(3, 3, 3), (2, 5, 5)]


def test_a_cap_that_ended_leaves_its_accumulator_without_one() -> None:
    ended = capped({"cap_minor": 3, "cap_period": "month", "valid_to": TUESDAY}, {"valid_from": TUESDAY})
    found = results([batch(MONDAY, order("A", 2)), batch(TUESDAY, order("B", 9, **at(TUESDAY)))], ended)
    assert pick(found.allocations, "bearer", "period_key", "granted_minor") == [
        ("N", "2026-01", 2),
        ("N", "none", 9),
    ]
    assert pick(found.accumulators, "batch_id", "closing_minor", "cap_minor") == [(1, 2, 3), (2, 2, None)]


def test_a_reversal_after_the_cap_was_lowered_shows_the_cap_its_grant_met() -> None:
    lowered = capped(
        {"cap_minor": 10, "cap_period": "month", "valid_to": TUESDAY},
        {"cap_minor": 0, "cap_period": "month", "valid_from": TUESDAY},
    )
    second = order("A", 8, version=2, **at(TUESDAY))
    found = results([batch(MONDAY, order("A", 8)), batch(TUESDAY, second)], lowered)
    assert pick(found.allocations, "order_version", "bearer", "granted_minor", "accumulated_minor", "cap_minor") == [
        (1, "N", 8, 8, 10),
        (1, "N", -8, 0, 10),
        (2, "rest", 8, None, None),
    ]
