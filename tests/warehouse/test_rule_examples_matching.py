"""The rules of matching without a key, and of the daily controls, by their examples."""

from __future__ import annotations

from tests.rules.examples import Example
from tests.warehouse.by_example import Check, examples_of


@examples_of("REC-SUGGEST")
def test_rec_suggest(holds: Check, example: Example) -> None:
    holds(example)
