"""Pairing without a common key, row by row: what `one_to_one` must say, and what luck could have made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Pair = tuple[str, str]
Cost = tuple[int, int]


@dataclass(frozen=True)
class Entry:
    """A row of one side; the day is a plain number."""

    key: str
    scope: str
    currency: str
    amount: int
    day: int


@dataclass(frozen=True)
class Reach:
    """What a scope allows."""

    amount: int
    days: int


def costs_of(lefts: list[Entry], rights: list[Entry], reach: dict[str, Reach]) -> dict[Pair, Cost]:
    """Every pair within reach with its cost: the amounts' difference first, then the days between."""
    found: dict[Pair, Cost] = {}
    for left in lefts:
        for right in rights:
            if (left.scope, left.currency) != (right.scope, right.currency):
                continue
            cost = abs(right.amount - left.amount), abs(right.day - left.day)
            if cost[0] <= reach[left.scope].amount and cost[1] <= reach[left.scope].days:
                found[left.key, right.key] = cost
    return found


def certain_pairs(costs: dict[Pair, Cost]) -> tuple[set[Pair], set[str]]:
    """The pairs taken, and the rows that cannot be told.

    From the cheapest cost up: a pair is taken when neither row is used or in doubt and no other pair of this cost has
    one of them; else each of its rows that is not used is in doubt from here on.
    """
    taken: set[Pair] = set()
    used: set[str] = set()
    doubtful: set[str] = set()
    for cost in sorted(set(costs.values())):
        level = [pair for pair, each in costs.items() if each == cost and not used & set(pair)]
        sure = [
            pair
            for pair in level
            if not doubtful & set(pair) and all(other == pair or not set(other) & set(pair) for other in level)
        ]
        for pair in level:
            if pair not in sure:
                doubtful |= set(pair)
        taken |= set(sure)
        used |= {key for pair in sure for key in pair}
    return taken, doubtful


def lucky_outcomes(costs: dict[Pair, Cost], taken: frozenset[Pair] = frozenset()) -> Iterator[frozenset[Pair]]:
    """Every result of taking the cheapest pair that is left, again and again, whichever equal comes first."""
    used = {key for pair in taken for key in pair}
    left = {pair: cost for pair, cost in costs.items() if not used & set(pair)}
    if not left:
        yield taken
        return
    cheapest = min(left.values())
    for pair, cost in left.items():
        if cost == cheapest:
            yield from lucky_outcomes(costs, taken | {pair})
