"""The tree that explains something: texts with children, and the amounts in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from settle.money import amount_text

Row = Mapping[str, Any]


@dataclass
class Branch:
    """One statement of an explanation and what stands beneath it."""

    text: str
    children: list[Branch] = field(default_factory=list)

    def add(self, text: str) -> Branch:
        """Put a statement beneath this one and return it."""
        child = Branch(text)
        self.children.append(child)
        return child

    def lines(self, depth: int = 0) -> list[str]:
        """The branch as plain text, two spaces a level."""
        own = ["  " * depth + self.text]
        return own + [line for child in self.children for line in child.lines(depth + 1)]


def money(minor: int | None, currency: str | None, exponents: Mapping[str, int]) -> str:
    """Minor units as major-unit text with the currency: 12345, CNY → `123.45 CNY`; unknown currency: `12345 minor`."""
    if minor is None:
        return "—"
    exponent = exponents.get(currency or "")
    if exponent is None:
        return f"{minor} minor {currency or ''}".rstrip()
    return f"{amount_text(minor, exponent)} {currency}"


def exact(millionths: int, currency: str | None, exponents: Mapping[str, int]) -> str:
    """Millionths of a minor unit as major-unit text: 775050000, CNY → `7.7505 CNY`; unknown: `775.05 minor`."""
    exponent = exponents.get(currency or "")
    kept = exponent or 0
    digits = str(abs(millionths)).rjust(kept + 7, "0")
    whole, fraction = digits[: -(kept + 6)], digits[-(kept + 6) :]
    fraction = fraction[:kept] + fraction[kept:].rstrip("0")
    unit = currency if exponent is not None else f"minor {currency or ''}".rstrip()
    return f"{'-' if millionths < 0 else ''}{whole}{'.' if fraction else ''}{fraction} {unit}"


def amount(value: Decimal | None, currency: str | None, exponents: Mapping[str, int]) -> str:
    """A stored major-unit amount as text, zeros beyond the currency's decimals left out: 50.0000, CNY → `50.00 CNY`."""
    if value is None:
        return "—"
    whole, _, fraction = f"{value:f}".partition(".")
    kept = exponents.get(currency or "", 0)
    fraction = fraction[:kept] + fraction[kept:].rstrip("0")
    return f"{whole}{'.' if fraction else ''}{fraction} {currency}"


def percent(ppm: int) -> str:
    """Parts per million as percent text: 6000 → `0.6 %`, 50000 → `5 %`."""
    whole, part = divmod(abs(ppm), 10_000)
    fraction = f".{part:04d}".rstrip("0") if part else ""
    return f"{'-' if ppm < 0 else ''}{whole}{fraction} %"


def render(branch: Branch) -> None:
    """Print the tree on stdout: drawn with rich where a terminal watches, indented text elsewhere."""
    import sys

    if not sys.stdout.isatty():
        print("\n".join(branch.lines()))
        return
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    def drawn(part: Branch, into: Tree) -> Tree:
        for child in part.children:
            drawn(child, into.add(Text(child.text)))
        return into

    Console().print(drawn(branch, Tree(Text(branch.text, style="bold"))))
