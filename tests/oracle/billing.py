"""Fees (DOMAIN section 4): exact fractions, rounded once by the rule's own policy, then clamped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from tests.oracle.world import Row, as_int, in_force

MILLION = 1_000_000


def rounded(value: Fraction, policy: str) -> int:
    """A fraction ≥ 0 as a whole number: half_up (also when empty), half_even, down or up."""
    floor = value.numerator // value.denominator
    rest = value - floor
    if policy == "down":
        return floor
    if policy == "up":
        return floor + (1 if rest > 0 else 0)
    half = Fraction(1, 2)
    if policy == "half_even":
        return floor + (1 if rest > half or (rest == half and floor % 2 == 1) else 0)
    return floor + (1 if rest >= half else 0)


@dataclass(frozen=True)
class Tier:
    """A slice of amounts: lower bound exclusive, upper inclusive (None is open)."""

    lower: int
    upper: int | None
    ppm: int
    flat: int


def tiers_of(rows: Sequence[Row], rule_code: str, on: date | None = None) -> list[Tier]:
    """The tiers of a rule in order, those in force on a date where one is given."""
    found = [row for row in rows if row["rule_code"] == rule_code and (on is None or in_force(row, on))]
    found.sort(key=lambda row: int(row["tier_no"]))
    return [
        Tier(
            as_int(row["from_minor"]) or 0,
            as_int(row["to_minor"]),
            as_int(row["ppm"]) or 0,
            as_int(row["flat_minor"]) or 0,
        )
        for row in found
    ]


def is_cumulative(rule: Row) -> bool:
    """Whether the rule's tier is found by what came before in its period."""
    return rule["method"].startswith("cumulative_")


def formula(rule: Row, tiers: Sequence[Tier], base: int, before: int = 0) -> Fraction:
    """The unrounded fee of a base in minor units; `before` is the accumulated base of a cumulative rule."""
    ppm, fixed = as_int(rule["ppm"]) or 0, as_int(rule["fixed_minor"]) or 0
    method = rule["method"]
    if method == "rate":
        return Fraction(base * ppm, MILLION)
    if method == "fixed":
        return Fraction(fixed)
    if method == "rate_plus_fixed":
        return Fraction(base * ppm, MILLION) + fixed
    if method == "package":
        size, price = int(rule["package_size_minor"]), int(rule["package_price_minor"])
        return Fraction(-(-base // size) * price)
    if method in ("graduated", "volume"):
        return _tiered(method, tiers, base)
    if method in ("cumulative_graduated", "cumulative_volume"):
        return _cumulative(method, tiers, base, before)
    raise ValueError(f"billing rule {rule['rule_code']}: nobody knows the method {method!r}")


def _tiered(method: str, tiers: Sequence[Tier], base: int) -> Fraction:
    fee = Fraction(0)
    for tier in tiers:
        if method == "graduated" and base > tier.lower:
            top = base if tier.upper is None else min(base, tier.upper)
            fee += Fraction((top - tier.lower) * tier.ppm, MILLION) + tier.flat
        if method == "volume" and base > tier.lower and (tier.upper is None or base <= tier.upper):
            fee += Fraction(base * tier.ppm, MILLION) + tier.flat
    return fee


def _cumulative(method: str, tiers: Sequence[Tier], base: int, before: int) -> Fraction:
    """Graduated prices (B, B + base] slice by slice, a flat amount when B ≤ from < B + base; volume the tier of B."""
    fee, after = Fraction(0), before + base
    for tier in tiers:
        if method == "cumulative_graduated":
            low, high = max(before, tier.lower), after if tier.upper is None else min(after, tier.upper)
            if low < high:
                fee += Fraction((high - low) * tier.ppm, MILLION)
            if before <= tier.lower < after:
                fee += tier.flat
        elif tier.lower <= before and (tier.upper is None or before < tier.upper):
            fee += Fraction(base * tier.ppm, MILLION) + tier.flat
    return fee


def fee_of(rule: Row, tiers: Sequence[Tier], base: int, before: int = 0) -> int:
    """The fee in minor units: rounded once, then clamped to the rule's minimum and maximum."""
    fee = rounded(formula(rule, tiers, base, before), rule["rounding"])
    low, high = as_int(rule["min_minor"]), as_int(rule["max_minor"])
    if low is not None and fee < low:
        fee = low
    if high is not None and fee > high:
        fee = high
    return fee


def given_back(whole: int, refunded: int, line_amount: int, policy: str) -> int:
    """How much of a base or fee is given back once `refunded` of the line's amount has been."""
    return rounded(Fraction(whole * refunded, line_amount), policy)
