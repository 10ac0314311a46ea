"""The examples of payouts and of the relations beside orders and channels, built with all others once per engine."""

from __future__ import annotations

from tests.rules.examples import Example
from tests.warehouse.by_example import Check, examples_of


@examples_of("REC-GROUP")
def test_rec_group(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REC-DEPOSIT")
def test_rec_deposit(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REC-RELATION")
def test_rec_relation(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REC-SPV")
def test_rec_spv(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("REC-PAYOUT")
def test_rec_payout(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("SET-INSTRUCTION")
def test_set_instruction(holds: Check, example: Example) -> None:
    holds(example)


@examples_of("SET-RETURN")
def test_set_return(holds: Check, example: Example) -> None:
    holds(example)
