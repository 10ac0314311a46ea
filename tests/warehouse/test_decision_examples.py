"""The examples of REC-DECIDE, built with all others once on each engine."""

from __future__ import annotations

from collections.abc import Callable

from tests.rules.examples import Example
from tests.warehouse.test_rule_examples import examples_of

Check = Callable[[Example], None]


@examples_of("REC-DECIDE")
def test_rec_decide(holds: Check, example: Example) -> None:
    holds(example)
