"""How the clearing of an order is told: prices as recorded, bearers, what is taken back, what resets superseded."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from settle.explain.bearing import Bearing
from settle.explain.pricing import is_changed, price_text, rule_name, step_texts
from settle.explain.recorded import models_before
from settle.explain.tree import Branch
from tests.scripts.explaining import (
    FIGURES,
    Row,
    capped,
    clearing_of,
    detail,
    grant,
    line,
    order_story,
    rule,
    step,
    version,
)


def priced(exact: int, rounded: int, fee: int) -> str:
    computed = step(exact_millionths=Decimal(exact), rounded_minor=rounded, fee_minor=fee)
    return price_text(FIGURES, [computed], fee, "CNY")


@pytest.mark.parametrize(
    ("exact", "rounded", "fee", "text"),
    [
        (60_000_000, 60, 60, "fee 0.60 CNY"),
        (60_400_000, 60, 60, "exact 0.604 CNY → fee 0.60 CNY"),
        (60_400_000, 60, 100, "exact 0.604 CNY → rounded 0.60 CNY → fee 1.00 CNY (the minimum)"),
        (60_000_000, 60, 50, "exact 0.60 CNY → fee 0.50 CNY (the maximum)"),
    ],
)
def test_a_price_is_told_as_far_as_its_steps_differ(exact: int, rounded: int, fee: int, text: str) -> None:
    assert priced(exact, rounded, fee) == text


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "R"),
        ({"valid_from": date(2026, 1, 12)}, "R"),
        ({"has_others": True}, "R (all orders)"),
        ({"has_others": True, "valid_from": date(2026, 1, 12)}, "R (orders from 2026-01-12 on)"),
        ({"has_others": True, "valid_to": date(2026, 1, 12)}, "R (orders up to 2026-01-11)"),
        (
            {"has_others": True, "valid_from": date(2025, 1, 1), "valid_to": date(2026, 1, 12)},
            "R (orders of 2025-01-01 to 2026-01-11)",
        ),
        ({"has_others": True, "has_twin": True, "rule_key": "46361a84ffff"}, "R (all orders, version 46361a84)"),
    ],
)
def test_a_version_of_a_rule_is_named_where_there_are_others(changes: Row, text: str) -> None:
    assert rule_name(rule(**changes)) == text


@pytest.mark.parametrize(
    ("configured", "changed"),
    [
        ([rule()], False),
        # Closed by the next version: orders of before are billed as they were.
        ([rule(rule_key="r2", valid_to=date(2026, 1, 6)), rule(ppm=1, valid_from=date(2026, 1, 6))], False),
        ([rule(ppm=9000)], True),
        ([rule(min_minor=1)], True),
        ([rule(currency="JPY")], True),
        ([rule(valid_from=date(2026, 1, 6))], True),
        ([], True),
    ],
)
def test_a_rule_has_changed_when_the_same_order_would_be_billed_otherwise(configured: list[Row], changed: bool) -> None:
    assert is_changed(rule(), configured, date(2026, 1, 5), "CNY") is changed


def test_tiers_are_told_as_they_priced_the_fee() -> None:
    tiers = [
        step(method="graduated", tier_no=1, tier_from_minor=0, tier_to_minor=5000, slice_minor=5000, ppm=20_000,
             step_millionths=Decimal(100_000_000)),
        step(method="graduated", tier_no=2, tier_from_minor=5000, slice_minor=5000, ppm=10_000, flat_minor=7,
             step_millionths=Decimal(57_000_000)),
    ]  # fmt: skip
    assert step_texts(FIGURES, tiers, "CNY") == [
        "tier 1, 0.00 to 50.00 CNY: 50.00 CNY at 2 % = 1.00 CNY",
        "tier 2, above 50.00 CNY: 50.00 CNY at 1 % plus 0.07 CNY = 0.57 CNY",
    ]
    assert step_texts(FIGURES, [step(method="volume")], "CNY") == ["no tier prices it"]
    assert step_texts(FIGURES, [step()], "CNY") == []


def test_an_accumulated_base_is_told_with_its_period() -> None:
    story = order_story(
        details=[detail(base_before_minor=26000, accumulate_period_key="2026-Q1")],
        rules=[rule(method="cumulative_volume")],
        configured_rules=[rule(method="cumulative_volume")],
    )
    assert clearing_of(story)[1] == (
        "  commission by rule R: the whole amount at the rate of the tier that is reached before, rounded half_up; "
        "base 100.00 CNY on top of 260.00 CNY accumulated in 2026-Q1 → fee 0.60 CNY"
    )


def test_a_counted_base_is_no_amount() -> None:
    counted = rule(method="fixed", base="count")
    story = order_story(details=[detail(base_minor=1)], rules=[counted], configured_rules=[counted])
    assert clearing_of(story)[1].endswith("0.30 CNY an order line, rounded half_up; base 1 → fee 0.60 CNY")


def test_packages_of_a_counted_base_are_no_amounts() -> None:
    counted = rule(method="package", base="count", package_size_minor=5, package_price_minor=1000)
    before = detail(base_minor=1, base_before_minor=7, accumulate_period_key="2026-Q1")
    story = order_story(details=[before], rules=[counted], configured_rules=[counted])
    assert "10.00 CNY for every started 5 of the count" in clearing_of(story)[1]
    assert "base 1 on top of 7 accumulated in 2026-Q1" in clearing_of(story)[1]


def borne(*grants: Row) -> list[str]:
    part = Branch("")
    Bearing(FIGURES, "M1", "CNY").add(part, grants)
    return [text.removeprefix("  ") for text in part.lines()[1:]]


def test_a_bearer_without_room_says_so_and_another_says_what_it_took() -> None:
    assert borne(
        capped("BRAND", 60, 0, 200, 200),
        capped("BANK", 30, 10, 70, 70, period_key="lifetime"),
        grant("PLAT", 10, 10),
        grant("participant", 20, 100, is_residual=True),
    ) == [
        "BRAND bears nothing of 0.60 CNY asked; 2.00 CNY of its cap 2.00 CNY (2026-01) used, no room",
        "BANK bears 0.10 CNY of 0.30 CNY asked; 0.60 → 0.70 of its cap 0.70 CNY (lifetime) used, room 0.10 → 0.00 CNY",
        "PLAT bears 0.10 CNY",
        "M1, the participant, bears 1.00 CNY: 0.20 CNY of its own and 0.80 CNY that BRAND and BANK could not take",
    ]


def test_in_a_sequence_the_next_one_is_asked() -> None:
    first = capped("BRAND", 100, 30, 200, 200, method="sequence")
    second = capped("participant", 70, 70, 70, 100, method="sequence", period_key="")
    assert borne(first, second) == [
        "BRAND bears 0.30 CNY of 1.00 CNY asked; 1.70 → 2.00 of its cap 2.00 CNY (2026-01) used, room 0.30 → 0.00 CNY; "
        "the other 0.70 CNY asked of M1",
        "M1, the participant, bears 0.70 CNY; 0.00 → 0.70 of its cap 1.00 CNY (no contract) used, room 1.00 → 0.30 CNY",
    ]


def test_above_a_lowered_cap_there_is_no_room_until_releases_bring_it_under() -> None:
    assert borne(capped("BANK", -80, -80, 20, 50)) == [
        "BANK gets back 0.80 CNY; 1.00 → 0.20 of its cap 0.50 CNY (2026-01) used, room 0.00 → 0.30 CNY"
    ]


def test_the_second_level_stands_beneath_its_parent() -> None:
    assert borne(
        grant("N", 60, 60),
        grant("PLAT", 40, 40),
        grant("seller", 60, 20, level=2, parent_bearer="N"),
        grant("N", 0, 40, level=2, parent_bearer="N"),
    ) == [
        "N takes 0.60 CNY, split further",
        "  seller bears 0.20 CNY of 0.60 CNY asked",
        "  N bears 0.40 CNY: 0.40 CNY that seller could not take",
        "PLAT bears 0.40 CNY",
    ]


def test_an_amount_that_is_shared_and_billed_by_share() -> None:
    split = rule(rule_code="A", rule_key="a", is_split=True)
    story = order_story(
        sorted=[line(combination="allocate_bill")],
        rules=[split, rule(min_minor=40)],
        configured_rules=[rule(min_minor=40)],
        details=[detail(rule_code="A", rule_key="a", fee_no=700, fee_minor=10000), detail(fee_minor=82)],
        computations=[
            step(fee_no=700, base_minor=10000, fee_minor=10000, exact_millionths=Decimal(10**10), rounded_minor=10000),
            step(level=1, bearer="participant", base_minor=7000, exact_millionths=Decimal(42_000_000),
                 rounded_minor=42, fee_minor=42),
            step(level=2, parent_bearer="N", bearer="fund", base_minor=3000, exact_millionths=Decimal(18_000_000),
                 rounded_minor=18, fee_minor=40),
        ],
        grants=[
            grant("N", 3000, 3000, rule_code="A"),
            grant("participant", 7000, 7000, rule_code="A"),
            grant("fund", 3000, 3000, rule_code="A", level=2, parent_bearer="N"),
            grant("participant", 42, 42),
            grant("fund", 40, 40, level=2, parent_bearer="N"),
        ],
    )  # fmt: skip
    assert clearing_of(story) == [
        "line 1 cleared in batch 1 (2026-01-05) as number 7: new, 100.00 CNY for M1, model SALE "
        "(the amount is shared, each share billed)",
        "  the amount itself, shared by allocation rule A: 100.00 CNY",
        "    N takes 30.00 CNY, split further",
        "      fund bears 30.00 CNY",
        "    M1, the participant, bears 70.00 CNY",
        "  commission by rule R, on each share: 0.6 % of the share, at least 0.40 CNY, rounded half_up; "
        "base 100.00 CNY → fee 0.82 CNY",
        "    M1, the participant: base 70.00 CNY → fee 0.42 CNY",
        "    of the share of N",
        "      fund: base 30.00 CNY → exact 0.18 CNY → fee 0.40 CNY (the minimum)",
    ]


REFUNDS = [
    line(order_no="R-1", batch_id=2, clearing_seq=8, entry_kind="refund", amount_minor=3000, original_clearing_seq=7),
    line(order_no="R-2", batch_id=2, clearing_seq=9, entry_kind="refund", amount_minor=4000, original_clearing_seq=7),
]
REFUNDED_FEES = [
    detail(clearing_seq=8, fee_no=801, original_fee_no=701, fee_minor=-18, entry_kind="refund"),
    detail(clearing_seq=9, fee_no=901, original_fee_no=701, fee_minor=-24, entry_kind="refund"),
]


def test_a_refund_says_what_it_takes_back_and_what_was_given_back_before() -> None:
    story = order_story(
        sorted=[REFUNDS[1]],
        details=[{**REFUNDED_FEES[1], "base_minor": -4000}],
        computations=[],
        originals=[line()],
        taken_back=REFUNDS,
        other_fees=[detail(), *REFUNDED_FEES],
        grants=[grant("PLAT", -24, -24, clearing_seq=9)],
        configured_rules=[rule(ppm=1)],
    )
    assert clearing_of(story)[1:] == [
        "  takes back from O-1 line 1 (version 1, number 7, batch 1 (2026-01-05)): "
        "70.00 of 100.00 CNY are refunded with it",
        "  commission by rule R, as recorded for the original: base -40.00 CNY → fee -0.24 CNY of 0.60 CNY, "
        "0.18 CNY given back before",
        "    PLAT gets back 0.24 CNY",
    ]
    first = {**story, "sorted": [REFUNDS[0]], "details": [REFUNDED_FEES[0]]}
    assert clearing_of(first)[1].endswith(": 30.00 of 100.00 CNY are refunded with it")
    assert clearing_of(first)[2].endswith("→ fee -0.18 CNY of 0.60 CNY")
    story["rules"] = [rule(refund_fee=False)]
    story["details"] = [{**story["details"][0], "fee_minor": 0}]
    assert clearing_of(story)[2].endswith("→ fee 0.00 CNY, the rule gives nothing back")


def test_an_original_says_what_took_it_back() -> None:
    reversal = line(batch_id=3, clearing_seq=10, entry_kind="reversal", original_clearing_seq=7)
    # What the first refund takes back of the amount itself is no fee.
    split = detail(clearing_seq=8, fee_no=800, original_fee_no=700, fee_minor=-3000, rule_code="A")
    fees = [split, *REFUNDED_FEES, detail(clearing_seq=10, fee_no=1001, original_fee_no=701, fee_minor=-60)]
    story = order_story(
        versions=[version(), version(version=2, batch_id=3), version(version=3, batch_id=3)],
        taken_back=[*REFUNDS, reversal],
        other_fees=[*fees, detail(clearing_seq=10, fee_no=1002, original_fee_no=702, fee_minor=-5, rule_code="S")],
    )
    assert clearing_of(story)[2:] == [
        "  taken back by refund R-1 line 1, number 8 in batch 2 (2026-01-06): 30.00 CNY, fee 0.18 CNY",
        "  taken back by refund R-2 line 1, number 9 in batch 2 (2026-01-06): 40.00 CNY, fee 0.24 CNY",
        "  taken back by the reversal of version 1, corrected by version 3, number 10 in batch 3 (2026-01-07): "
        "100.00 CNY, fees R 0.60 CNY, S 0.05 CNY",
    ]


def test_a_corrected_order_tells_its_lines_by_version() -> None:
    reversal = line(batch_id=2, clearing_seq=8, entry_kind="reversal", original_clearing_seq=7)
    story = order_story(
        sorted=[line(), reversal, line(batch_id=2, clearing_seq=9, order_version=2)], details=[], computations=[]
    )
    assert [text.partition(" cleared")[0] for text in clearing_of(story)] == [
        "line 1 of version 1",
        "line 1 of version 1",
        "  takes back the whole of O-1 line 1 (version 1, number 7, batch 1 (2026-01-05))",
        "line 1 of version 2",
    ]


def test_the_contracts_currency_is_told_where_it_is_another() -> None:
    other = detail(contract_currency="KWD", contract_base_minor=4310, contract_fee_minor=26, fx_rate="0.0431",
                   fx_rate_date=date(2026, 1, 5))  # fmt: skip
    said = "    in the contract's currency: base 4.310 KWD, fee 0.026 KWD, by the rate 0.0431 of 2026-01-05"
    assert clearing_of(order_story(details=[other]))[2:] == [said]
    unknown = "    in the contract's currency KWD: no rate was known"
    assert clearing_of(order_story(details=[{**other, "fx_rate": None}]))[2:] == [unknown]
    assert clearing_of(order_story(details=[{**other, "contract_currency": "CNY"}]))[2:] == []


def reset(number: int, from_batch: int, up_to: int, **changes: Any) -> Row:
    """A reset that superseded nothing of the order."""
    base: Row = {
        "reset_no": number, "from_batch_id": from_batch, "up_to_batch_id": up_to, "reason": "rate of R",
        "reset_by": "Li", "reset_at": datetime(2026, 1, 7, 2, 0), "waiting_batches": [], "sorted": [], "details": [],
        "grants": [], "tiers": [],
    }  # fmt: skip
    return {**base, **changes}


OLD = {"sorted": [line(clearing_seq=5)], "details": [detail(clearing_seq=5, fee_no=501)]}


def test_reset_kept_what_was_is_told_with_what_replaced_it() -> None:
    dearer = detail(clearing_seq=5, fee_no=501, fee_minor=100, rule_key="r0")
    grants = [capped("N", 100, 50, 90, 90, clearing_seq=5)]
    before = reset(1, 1, 2, sorted=OLD["sorted"], details=[dearer], grants=grants)
    was = rule(rule_key="r0", ppm=10_000, has_others=True)
    story = order_story(rules=[rule(has_others=True), was], resets=[before])
    assert clearing_of(story)[2:] == [
        "superseded by reset 1 of 2026-01-07 10:00, from batch 1 to 2, by Li: rate of R",
        "  line 1 cleared in batch 1 (2026-01-05) as number 5: new, 100.00 CNY for M1, model SALE",
        "    commission by rule R (all orders, changed since): 1 % of the amount, rounded half_up; "
        "base 100.00 CNY → fee 1.00 CNY",
        "      N bears 0.50 CNY of 1.00 CNY asked; 0.40 → 0.90 of its cap 0.90 CNY (2026-01) used, "
        "room 0.50 → 0.00 CNY",
        "      replaced by a fee of 0.60 CNY in batch 1 (2026-01-05)",
    ]


def test_reset_kept_the_same_again_is_one_line() -> None:
    same = "superseded by reset 1 of 2026-01-07 10:00, from batch 1 to 2, by Li; cleared again with the same outcome"
    story = order_story(resets=[reset(1, 1, 2, reason="", **OLD)])
    assert clearing_of(story)[2:] == [same]
    waits = line(clearing_seq=None, reason_code="no_model")
    story = order_story(sorted=[waits], details=[], resets=[reset(1, 1, 2, reason="", sorted=[waits])])
    assert clearing_of(story)[1:] == [same]
    assert len(clearing_of(order_story(resets=[reset(1, 1, 2)]))) == 2, "nothing of this order was superseded"


def test_reset_kept_another_reason_is_another_outcome() -> None:
    waits = [line(clearing_seq=None, reason_code=code) for code in ("no_model", "no_rule")]
    story = order_story(sorted=waits[1:], details=[], resets=[reset(1, 1, 2, sorted=waits[:1])])
    assert clearing_of(story) == [
        "batch 1 (2026-01-05): could not clear, no_rule",
        "superseded by reset 1 of 2026-01-07 10:00, from batch 1 to 2, by Li: rate of R",
        "  batch 1 (2026-01-05): could not clear, no_model",
    ]


def test_reset_kept_what_cleared_in_a_batch_before_is_not_new() -> None:
    reversal = {"batch_id": 2, "clearing_seq": 8, "entry_kind": "reversal"}
    back = detail(**reversal, fee_no=801, original_fee_no=701, fee_minor=-60)
    lines = [line(), line(**reversal, original_clearing_seq=7)]
    before = reset(1, 2, 2, sorted=lines[1:], details=[back])
    story = order_story(sorted=lines, details=[detail(), back], resets=[before])
    assert clearing_of(story)[-1].endswith("; cleared again with the same outcome")


def test_reset_kept_what_is_not_cleared_again_yet_says_so() -> None:
    story = order_story(sorted=[], details=[], computations=[], resets=[reset(1, 1, 2, waiting_batches=[1, 2], **OLD)])
    assert clearing_of(story)[1:] == [
        "  line 1 cleared in batch 1 (2026-01-05) as number 5: new, 100.00 CNY for M1, model SALE",
        "    commission by rule R: 0.6 % of the amount, rounded half_up; base 100.00 CNY → fee 0.60 CNY",
        "  not cleared again yet (batch 1): settle run",
    ]


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"details": [], "grants": []}, ["      replaced by nothing"]),
        ({"grants": [grant("M1", 60, 60)]}, ["      replaced by the same fee, borne otherwise"]),
        (
            {"details": [detail(fee_minor=70), detail(rule_code="S", fee_minor=5)]},
            [
                "      replaced by a fee of 0.70 CNY in batch 1 (2026-01-05)",
                "  new since: commission by rule S, fee 0.05 CNY",
            ],
        ),
    ],
)  # fmt: skip
def test_reset_kept_every_difference_is_named(now: Row, said: list[str]) -> None:
    before = reset(1, 1, 2, **OLD, grants=[grant("N", 60, 60, clearing_seq=5)])
    story = order_story(**{"grants": [grant("N", 60, 60)], "computations": [], **now, "resets": [before]})
    assert [text for text in clearing_of(story) if text in said or "replaced" in text or "new since" in text] == said


def test_reset_kept_a_fee_was_replaced_by_what_the_next_reset_superseded() -> None:
    """Batch 2 was reset twice: the first reset's row was replaced by what the second took out, not by what holds."""
    story = order_story(
        sorted=[line(batch_id=2)],
        details=[detail(batch_id=2, fee_minor=30)],
        resets=[
            reset(1, 2, 2, sorted=[line(batch_id=2)], details=[detail(batch_id=2, fee_minor=100)]),
            reset(2, 3, 3),
            reset(3, 1, 3, sorted=[line(batch_id=2)], details=[detail(batch_id=2, fee_minor=60)]),
        ],
    )
    assert [text.strip() for text in clearing_of(story) if "replaced" in text] == [
        "replaced by a fee of 0.60 CNY in batch 2 (2026-01-06), until reset 3",
        "replaced by a fee of 0.30 CNY in batch 2 (2026-01-06)",
    ]


def test_reset_kept_refunds_are_not_told_by_numbers_that_were_given_again() -> None:
    refund = {"entry_kind": "refund", "original_order_no": "O-0"}
    was = line(**refund, original_clearing_seq=1)
    back = detail(entry_kind="refund", original_fee_no=101, fee_minor=-30, base_minor=-5000)
    story = order_story(
        sorted=[],
        details=[],
        other_fees=[detail(fee_no=101, fee_minor=77)],
        originals=[line(order_no="O-9", clearing_seq=1)],
        resets=[reset(1, 1, 2, sorted=[was], details=[back])],
    )
    assert clearing_of(story)[2:] == [
        "    takes back from O-0",
        "    commission by rule R, as recorded for the original: base -50.00 CNY → fee -0.30 CNY",
        "      replaced by nothing",
    ]


def test_reset_kept_tiers_are_told_as_a_set() -> None:
    tiers = [
        {"batch_id": 1, "rule_code": "R", "set_from": low, "set_to": high, "tier_no": number, "from_minor": start,
         "to_minor": end, "ppm": 20_000, "flat_minor": flat}
        for low, high in ((date(1, 1, 1), date(2026, 1, 6)), (date(2026, 1, 6), date(9999, 12, 31)))
        for number, start, end, flat in ((2, 5000, None, 7), (1, 0, 5000, 0))
    ]  # fmt: skip
    by_tiers = rule(method="volume")
    story = order_story(
        details=[], rules=[by_tiers], configured_rules=[by_tiers], resets=[reset(1, 1, 2, **OLD, tiers=tiers)]
    )
    assert "      tiers: 0.00 to 50.00 CNY at 2 %; above 50.00 CNY at 2 % plus 0.07 CNY" in clearing_of(story)


def test_reset_kept_models_are_found_by_the_numbers_of_their_time() -> None:
    def used(reset_no: int | None, batch_id: int, model_no: int, code: str) -> Row:
        return {"reset_no": reset_no, "batch_id": batch_id, "model_no": model_no, "model_code": code}

    rows = [
        used(None, 1, 1, "now 1"), used(None, 2, 2, "now 2"),
        used(3, 1, 1, "third 1"), used(3, 2, 2, "third 2"), used(3, 2, 3, "third 3"),
        used(2, 2, 2, "second 2"),
    ]  # fmt: skip
    # Before reset 2, batch 1 was as reset 3 found it later; what came after in batch 2 is no number of that time.
    found = models_before(reset(2, 2, 2), rows)
    assert {number: row["model_code"] for number, row in found.items()} == {1: "third 1", 2: "second 2"}
    found = models_before(reset(3, 1, 2), rows)
    assert {number: row["model_code"] for number, row in found.items()} == {1: "third 1", 2: "third 2", 3: "third 3"}
