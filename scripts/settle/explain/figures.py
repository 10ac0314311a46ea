"""How amounts, batches and times are written in an explanation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from settle.explain.tree import exact, money


@dataclass(frozen=True)
class Figures:
    """`exponents` are the currencies' decimals, `dates` the batches' accounting dates; times are shown in `zone`."""

    exponents: Mapping[str, int]
    dates: Mapping[int, Any]
    zone: ZoneInfo

    def money(self, minor: int | None, currency: str | None) -> str:
        """12345, CNY → `123.45 CNY`."""
        return money(minor, currency, self.exponents)

    def exact(self, millionths: int, currency: str | None) -> str:
        """An amount before rounding, in millionths of a minor unit: 775050000, CNY → `7.7505 CNY`."""
        return exact(millionths, currency, self.exponents)

    def bare(self, minor: int, currency: str | None) -> str:
        """An amount without its currency, where the next one names it: 12345, CNY → `123.45`."""
        return self.money(minor, currency).partition(" ")[0]

    def batch(self, batch_id: int | None) -> str:
        """`batch 2 (2026-01-06)`."""
        if batch_id is None or batch_id not in self.dates:
            return f"batch {batch_id}"
        return f"batch {batch_id} ({self.dates[batch_id]})"

    def time(self, stored: datetime) -> str:
        """A stored time, UTC without zone, in the business time zone."""
        return f"{stored.replace(tzinfo=UTC).astimezone(self.zone):%Y-%m-%d %H:%M}"
