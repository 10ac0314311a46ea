"""The oracle's settlement against numbers worked out by hand."""

import pytest

from tests.oracle.hand import (
    MONDAY,
    batch,
    bearer,
    config,
    model,
    order,
    payment,
    refund,
    results,
    seed,
)
from tests.oracle.test_oracle_self import allocation, pick


@pytest.mark.parametrize(
    ("cycle", "roll", "ordered", "expected"),
    [
        ("D0", "none", "2026-01-03", "2026-01-03"),
        ("D0", "following", "2026-01-05", "2026-01-05"),
        ("D0", "following", "2026-01-03", "2026-01-04"),  # the Sunday after New Year is a make-up working day
        ("D1", "following", "2026-01-09", "2026-01-12"),
        ("T0", "none", "2026-01-10", "2026-01-12"),
        ("T1", "none", "2026-01-09", "2026-01-12"),
        ("T1", "none", "2026-02-14", "2026-02-24"),  # Spring Festival
        ("T2", "none", "2026-01-10", "2026-01-13"),
    ],
)
def test_settlement_dates(cycle: str, roll: str, ordered: str, expected: str) -> None:
    tables = config(settlement_models=[model(cycle=cycle, roll=roll)])
    found = results([batch(ordered, order("O", 1, ordered_at=f"{ordered}T00:30:00+08:00"))], tables)
    assert [str(row["settlement_date"]) for row in found.entries] == [expected]


def test_a_negative_net_is_carried_to_the_next_bill() -> None:
    found = results(
        [
            batch(MONDAY, order("O", 10)),
            batch("2026-01-06", refund("R", "O", 8, ordered_at="2026-01-06T10:00:00+08:00")),
            batch("2026-01-07", order("Q", 5, ordered_at="2026-01-07T10:00:00+08:00")),
            batch("2026-01-08", order("S", 5, ordered_at="2026-01-08T10:00:00+08:00")),
        ]
    )
    assert pick(found.bills, "batch_id", "carried_in_minor", "carried_out_minor", "net_minor") == [
        (1, 0, 0, 990),
        (2, 0, -792, 0),
        (3, -792, -297, 0),
        (4, -297, 0, 198),
    ]


def test_what_blocks_an_entry_is_named() -> None:
    tables = config(
        settlement_models=[model(cycle="D1", requires_channel_match="true")],
        risk_holds=[seed("risk_holds", hold_no="H", scope="participant", target="M", valid_to="2026-01-06")],
    )
    day_one = batch(MONDAY, order("O", 1, channel_code="C"))
    assert pick(results([day_one], tables).entries, "blocked_by") == [("not_due;not_reconciled;risk_hold",)]
    day_two = batch("2026-01-06", payment("O", 1))
    found = results([day_one, day_two], tables)
    assert pick(found.entries, "is_settleable", "blocked_by") == [(True, "")]
    assert pick(found.bills, "batch_id", "net_minor") == [(2, 99)]


def test_bearers_that_are_participants_are_charged() -> None:
    tables = allocation(
        "ratio",
        bearer("participant", 1, ppm=500_000),
        bearer("N", 2, ppm=300_000),
        bearer("brand", 3, ppm=200_000, is_residual="true"),
    )
    found = results([batch(MONDAY, order("O", 10))], tables)
    assert pick(found.entries, "participant_id", "gross_minor", "fee_minor", "charge_minor", "net_minor") == [
        ("M", 1000, 0, 5, 995),
        ("N", 0, 0, 3, -3),
    ]
