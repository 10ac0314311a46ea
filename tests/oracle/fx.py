"""Fees in the currency of the contract: shown, never settled."""

from datetime import date
from fractions import Fraction

from tests.oracle.billing import rounded
from tests.oracle.world import Output, World, as_date, exponents


class Converter:
    """The rates of a world."""

    def __init__(self, world: World) -> None:
        self.exponents = exponents(world.table("currencies"))
        self.rates = [
            (as_date(row["rate_date"]), row["from_currency"], row["to_currency"], Fraction(row["rate"]))
            for row in world.table("fx_rates")
        ]

    def shown(self, contract_currency: str, currency: str, base: int, fee: int, on: date) -> Output:
        """Base and fee in the contract's currency by the latest rate not after a date; empty without one."""
        rate, rate_date = self._rate(currency, contract_currency, on)
        return {
            "contract_currency": contract_currency,
            "contract_fee_minor": self._converted(fee, currency, contract_currency, rate),
            "contract_base_minor": self._converted(base, currency, contract_currency, rate),
            "fx_rate_date": rate_date,
        }

    def _rate(self, source: str, target: str, on: date) -> tuple[Fraction | None, date | None]:
        if source == target:
            return Fraction(1), None
        known = [(day, rate) for day, one, other, rate in self.rates if (one, other) == (source, target) and day <= on]
        if not known or target not in self.exponents:
            return None, None
        day, rate = max(known)
        return rate, day

    def _converted(self, minor: int, source: str, target: str, rate: Fraction | None) -> int | None:
        if rate is None:
            return None
        exact = Fraction(abs(minor)) * rate * Fraction(10) ** (self.exponents[target] - self.exponents[source])
        return rounded(exact, "half_up") * (-1 if minor < 0 else 1)
