"""Every rule by its examples, tests/rules/*.yml: built once on each engine. The numbers are those of docs/rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

from settle.settings import Settings
from tests.rules.examples import EXAMPLES, Example
from tests.rules.warehouse import WITHOUT_TESTS, Found, build, build_after_mending
from tests.warehouse.by_example import Check, examples_of

CHECKOUT = Path(__file__).resolve().parents[2]


def test_the_oracle_agrees_with_all_examples(found: Found) -> None:
    assert not found.differences, "\n".join(found.differences[:30])


@examples_of("SORT-LINES")
def test_sort_lines(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("SORT-MODEL")
def test_sort_model(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("SORT-REASON")
def test_sort_reason(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("SORT-RETRY")
def test_sort_retry(holds: Check, example: Example) -> None:
    holds(example)


def test_sort_retry_when_the_configuration_is_mended(home: Settings) -> None:
    """A is of the unknown participant X and clears once X is known; B has no participant and waits on, told once."""
    waiting = next(example for example in EXAMPLES if example.id == "SORT_REASON_unknown_participant")
    build(home, [waiting], home.warehouse_path.parent, WITHOUT_TESTS)
    known = {**waiting.config, "participants": [{"participant_id": "M"}, {"participant_id": "X"}]}
    cleared = [{"batch": "2026-02-25", "order_no": "A", "participant_id": "X", "fee_minor": "100"}]
    expect = {**waiting.expect, "clearing.fct_clearing_details": cleared}
    mended = replace(waiting, config=known, expect=expect)
    found = build_after_mending(home, [mended], home.warehouse_path.parent, date(2026, 2, 25))
    problems = found.problems(0, mended)
    assert not problems, "\n".join(problems)


@examples_of("SORT-SEQ")
def test_sort_seq(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("SORT-UNORDERED")
def test_sort_unordered(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("SORT-VERSION")
def test_sort_version(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("SORT-WHOLE")
def test_sort_whole(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("BILL-RATE")
def test_bill_rate(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("BILL-SEVERAL")
def test_bill_several(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("BILL-GRADUATED")
def test_bill_graduated(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("BILL-VOLUME")
def test_bill_volume(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("BILL-PACKAGE")
def test_bill_package(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("BILL-CLAMP")
def test_bill_clamp(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("BILL-VERSION")
def test_bill_version(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("BILL-REFUND")
def test_bill_refund(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("BILL-BASE")
def test_bill_base(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("BILL-BASE-GRADUATED")
def test_bill_base_graduated(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("BILL-BASE-VOLUME")
def test_bill_base_volume(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("BILL-TIER-DATE")
def test_bill_tier_date(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("BILL-FX")
def test_bill_fx(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("BILL-ACCOUNT")
def test_bill_account(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("ALLOC-RATIO")
def test_alloc_ratio(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("ALLOC-FIXED")
def test_alloc_fixed(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("ALLOC-SEQUENCE")
def test_alloc_sequence(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("ALLOC-CAP")
def test_alloc_cap(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("ALLOC-ORDER")
def test_alloc_order(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("ALLOC-SCOPE")
def test_alloc_scope(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("ALLOC-RESIDUAL")
def test_alloc_residual(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("ALLOC-RELEASE")
def test_alloc_release(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("ALLOC-BALANCE")
def test_alloc_balance(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("ALLOC-LEVEL2")
def test_alloc_level2(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("ALLOC-REDISTRIBUTE")
def test_alloc_redistribute(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("ALLOC-DATED")
def test_alloc_dated(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("ALLOC-ABOVE")
def test_alloc_above(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("ALLOC-MIXED")
def test_alloc_mixed(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("ALLOC-STEPS")
def test_alloc_steps(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("CORR-LIVE")
def test_corr_live(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("CORR-REVERSE")
def test_corr_reverse(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("CORR-REFUSED")
def test_corr_refused(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("CORR-ORDER")
def test_corr_order(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("CORR-AMOUNTS")
def test_corr_amounts(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("COMB-MODEL")
def test_comb_model(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("COMB-SPLIT")
def test_comb_split(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("COMB-SHARES")
def test_comb_shares(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REFUND-ORIGINAL")
def test_refund_original(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REFUND-REASON")
def test_refund_reason(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REFUND-ORDER")
def test_refund_order(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REFUND-SPLIT")
def test_refund_split(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REC-RESULT")
def test_rec_result(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REC-CHANNEL")
def test_rec_channel(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REC-PLAIN")
def test_rec_plain(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REC-VERSION")
def test_rec_version(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REC-SINGLE")
def test_rec_single(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REC-SUM")
def test_rec_sum(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REC-TOLERANCE")
def test_rec_tolerance(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REC-FEE")
def test_rec_fee(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REC-LATE")
def test_rec_late(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REC-REGRESSED")
def test_rec_regressed(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REC-BUFFER")
def test_rec_buffer(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REC-OPEN")
def test_rec_open(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REC-KNOWN")
def test_rec_known(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REC-FILL")
def test_rec_fill(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REC-RULES")
def test_rec_rules(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REC-TOTAL")
def test_rec_total(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REC-MEASURE")
def test_rec_measure(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("SET-ENTRY")
def test_set_entry(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("SET-CHARGE")
def test_set_charge(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("SET-DATE")
def test_set_date(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("SET-BLOCK")
def test_set_block(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("SET-BILL")
def test_set_bill(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("SET-CARRY")
def test_set_carry(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("LOAD-COUNTS")
def test_load_counts(holds: Check, example: Example) -> None:
    holds(example)
