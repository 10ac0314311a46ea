"""The examples of REC-DECIDE, built with all others once on each engine."""

from __future__ import annotations

from tests.rules.examples import Example
from tests.warehouse.by_example import Check, examples_of


@examples_of("REC-DECIDE")
def test_rec_decide(holds: Check, example: Example) -> None:
    holds(example)
