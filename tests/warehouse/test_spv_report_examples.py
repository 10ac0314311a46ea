"""The examples of the reports to and from SPVs, built with all others once on each engine."""

from __future__ import annotations

from tests.rules.examples import Example
from tests.warehouse.by_example import Check, examples_of


@examples_of("SPV-OUT")
def test_spv_out(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("SPV-IN")
def test_spv_in(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("SPV-ERROR")
def test_spv_error(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("SPV-FIX")
def test_spv_fix(holds: Check, example: Example) -> None:
    holds(example)
