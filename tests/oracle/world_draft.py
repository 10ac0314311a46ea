"""An order version before it is written."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from tests.oracle.world_rules import CURRENCIES


@dataclass(frozen=True)
class Draft:
    """An order version before it is written: amounts in minor units, its batch as a place in the list."""

    batch: int
    order_no: str
    version: int
    order_type: str
    product_code: str
    participant_id: str
    channel_code: str
    currency: str
    amount: int | None
    status: str
    ordered_at: datetime
    original_order_no: str
    attributes: str
    lines: tuple[tuple[int, str, str, int | str, str], ...] = ()

    @property
    def total(self) -> int:
        """What the order is worth in whole units; 0 where it can't be told."""
        if not self.lines:
            return self.amount or 0
        unit = 10 ** CURRENCIES.get(self.currency, 2)
        return int(sum(line[3] if isinstance(line[3], int) else Fraction(line[3]) * unit for line in self.lines))
