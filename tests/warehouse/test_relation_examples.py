"""The examples of the relations beside orders and channels, built with all others once on each engine."""

from __future__ import annotations

from collections.abc import Callable

from tests.rules.examples import Example
from tests.warehouse.test_rule_examples import examples_of

Check = Callable[[Example], None]


@examples_of("REC-GROUP")
def test_rec_group(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REC-RELATION")
def test_rec_relation(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REC-SPV")
def test_rec_spv(holds: Check, example: Example) -> None:
    holds(example)
