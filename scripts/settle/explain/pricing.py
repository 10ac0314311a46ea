"""How a fee came about, in words: the rule as it was recorded, its tiers, the amount before rounding and limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from settle.explain.figures import Figures
from settle.explain.tree import Row, percent

FIRST_DAY, LAST_DAY = date(1, 1, 1), date(9999, 12, 31)
TIERED = frozenset({"graduated", "volume", "cumulative_graduated", "cumulative_volume"})
ONE = 1_000_000
# As much of a rule_key as tells versions apart.
KEY_SHOWN = 8
PRICE = (
    "method", "base", "ppm", "fixed_minor", "package_size_minor", "package_price_minor", "min_minor", "max_minor",
    "rounding", "accumulate_period", "refund_fee", "allocation_rule_code",
)  # fmt: skip


def rule_name(rule: Row, is_changed: bool = False) -> str:
    """The rule with what tells its version from others: `R (orders from 2026-01-12 on)`.

    `is_changed` says that the configuration would bill the same order otherwise today.
    """
    told = [_dates(rule["valid_from"], rule["valid_to"])] if rule["has_others"] else []
    if rule["has_twin"]:
        told.append(f"version {str(rule['rule_key'])[:KEY_SHOWN]}")
    if is_changed:
        told.append("changed since")
    return f"{rule['rule_code']}{' (' + ', '.join(told) + ')' if told else ''}"


def is_changed(rule: Row, configured: Sequence[Row], ordered_date: date, currency: str) -> bool:
    """Whether today's configuration has no such rule for an order of that date, or one that bills otherwise."""
    now = [
        row
        for row in configured
        if row["rule_code"] == rule["rule_code"]
        and row["valid_from"] <= ordered_date < row["valid_to"]
        and (row["currency"] or currency) == currency
    ]
    return len(now) != 1 or any(now[0][name] != rule[name] for name in PRICE)


def _dates(valid_from: date, valid_to: date) -> str:
    if valid_to == LAST_DAY:
        return "all orders" if valid_from == FIRST_DAY else f"orders from {valid_from} on"
    last = valid_to - timedelta(days=1)
    return f"orders up to {last}" if valid_from == FIRST_DAY else f"orders of {valid_from} to {last}"


def rule_text(figures: Figures, rule: Row, currency: str, of: str = "an order line") -> str:
    """A billing rule in words: method, numbers, limits and rounding. `of` is what a fixed amount is due for."""
    base = "share" if of == "a share" and rule["base"] == "amount" else rule["base"]

    def shown(minor: int | None) -> str:
        return figures.money(minor, currency)

    def of_base(minor: int | None) -> str:
        return _of_base(figures, rule, minor, currency)

    methods: dict[str, Callable[[], str]] = {
        "rate": lambda: f"{percent(rule['ppm'])} of the {base}",
        "fixed": lambda: f"{shown(rule['fixed_minor'])} {of}",
        "rate_plus_fixed": lambda: f"{percent(rule['ppm'])} of the {base} plus {shown(rule['fixed_minor'])}",
        "graduated": lambda: f"each tier's slice of the {base} at that tier's rate",
        "volume": lambda: f"the whole {base} at the rate of the tier it falls in",
        "cumulative_graduated": lambda: f"each tier's slice of the {base}, on top of what is accumulated",
        "cumulative_volume": lambda: f"the whole {base} at the rate of the tier that is reached before",
        "package": lambda: (
            f"{shown(rule['package_price_minor'])} for every started "
            f"{of_base(rule['package_size_minor'])} of the {base}"
        ),
    }
    text = methods.get(rule["method"], lambda: str(rule["method"]))()
    if rule["min_minor"] is not None:
        text += f", at least {shown(rule['min_minor'])}"
    if rule["max_minor"] is not None:
        text += f", at most {shown(rule['max_minor'])}"
    return f"{text}, rounded {rule['rounding']}"


def base_text(figures: Figures, detail: Row, rule: Row | None, currency: str) -> str:
    """The base of a fee, and what had been accumulated before it."""
    text = f"base {_of_base(figures, rule, detail['base_minor'], currency)}"
    if detail.get("base_before_minor") is None:
        return text
    before = _of_base(figures, rule, detail["base_before_minor"], currency)
    return f"{text} on top of {before} accumulated in {detail['accumulate_period_key']}"


def _of_base(figures: Figures, rule: Row | None, minor: int | None, currency: str) -> str:
    """An amount, or the number of lines where the rule counts them."""
    return str(minor) if rule is not None and rule["base"] == "count" else figures.money(minor, currency)


def price_text(figures: Figures, steps: Sequence[Row], fee_minor: int, currency: str) -> str:
    """From the exact amount to the fee; what changes nothing is left out: `exact 7.7505 CNY → fee 7.75 CNY`."""
    fee = f"fee {figures.money(fee_minor, currency)}"
    if not steps:
        return fee
    exact, rounded = int(steps[0]["exact_millionths"]), int(steps[0]["rounded_minor"])
    told = [f"exact {figures.exact(exact, currency)}"] if exact != fee_minor * ONE else []
    if rounded != fee_minor:
        told += [f"rounded {figures.money(rounded, currency)}"] if exact != rounded * ONE else []
        fee += " (the minimum)" if rounded < fee_minor else " (the maximum)"
    return " → ".join([*told, fee])


def step_texts(figures: Figures, steps: Sequence[Row], currency: str) -> list[str]:
    """The tiers that priced a fee, a line each; none where its rule has no tiers."""
    if not steps or steps[0]["method"] not in TIERED:
        return []
    return [_step_text(figures, step, currency) for step in steps if step["tier_no"]] or ["no tier prices it"]


def _step_text(figures: Figures, step: Row, currency: str) -> str:
    tier = _range(figures, step["tier_from_minor"], step["tier_to_minor"], currency)
    price = f"{figures.money(step['slice_minor'], currency)} at {_rate(figures, step, currency)}"
    return f"tier {step['tier_no']}, {tier}: {price} = {figures.exact(int(step['step_millionths']), currency)}"


def _rate(figures: Figures, tier: Row, currency: str) -> str:
    flat = f" plus {figures.money(tier['flat_minor'], currency)}" if tier["flat_minor"] else ""
    return f"{percent(tier['ppm'])}{flat}"


def _range(figures: Figures, low: int, high: int | None, currency: str) -> str:
    if high is None:
        return f"above {figures.money(low, currency)}"
    return f"{figures.bare(low, currency)} to {figures.money(high, currency)}"


def tiers_text(figures: Figures, tiers: Sequence[Mapping[str, Any]], currency: str) -> str:
    """A whole set of tiers in one line, where the steps of a fee are not recorded."""
    told = [
        f"{_range(figures, tier['from_minor'], tier['to_minor'], currency)} at {_rate(figures, tier, currency)}"
        for tier in sorted(tiers, key=lambda tier: int(tier["tier_no"]))
    ]
    return "tiers: " + "; ".join(told)
