"""The split of one fee between its bearers, with caps (DOMAIN section 5): one fee after the other."""

from dataclasses import dataclass, field
from datetime import date

from tests.oracle.world import Output, Row, as_bool, as_int, largest_remainder, overlaps

MILLION = 1_000_000
Key = tuple[str, str, str, str]  # allocation rule, bearer, currency, period


@dataclass(frozen=True)
class Bearer:
    """One bearer of a scope; `cap` None means it takes its whole demand."""

    name: str
    priority: int
    ppm: int
    fixed: int
    cap: int | None
    cap_period: str
    is_residual: bool


@dataclass
class Grant:
    """What one bearer bears of one fee, and what of it has been released by refunds."""

    bearer: Bearer
    period: str
    granted: int
    released: int = 0


@dataclass
class Movement:
    """What a batch did to one accumulator."""

    opening: int
    granted: int = 0
    released: int = 0


@dataclass
class Allocator:
    """The accumulators of a world and the rows they wrote."""

    rules: list[Row]
    bearers: list[Row]
    balances: dict[Key, int] = field(default_factory=dict)
    caps: dict[Key, int] = field(default_factory=dict)
    moved: dict[Key, Movement] = field(default_factory=dict)
    rows: list[Output] = field(default_factory=list)
    closings: list[Output] = field(default_factory=list)

    def scope(self, code: str) -> tuple[str, list[Bearer]]:
        """The method of an allocation rule's first level and its bearers by priority."""
        method = next(r["method"] for r in self.rules if r["allocation_rule_code"] == code and r["level"] == "1")
        found = [
            Bearer(
                row["bearer"],
                int(row["priority"]),
                as_int(row["ppm"]) or 0,
                as_int(row["fixed_minor"]) or 0,
                as_int(row["cap_minor"]),
                row["cap_period"],
                as_bool(row["is_residual"]),
            )
            for row in self.bearers
            if row["allocation_rule_code"] == code and row["level"] == "1"
        ]
        return method, sorted(found, key=lambda bearer: bearer.priority)

    def grant(self, where: Output, code: str, fee: int, on: date, contract_no: str) -> list[Grant]:
        """Lay a fee ≥ 0 on the bearers of a rule; returns the grants of all of them by priority."""
        method, bearers = self.scope(code)
        currency = str(where["currency"])
        ratios = largest_remainder(fee, [bearer.ppm for bearer in bearers]) if method == "ratio" else []
        demanded = granted = 0
        grants: dict[str, Grant] = {}
        for place, bearer in enumerate(bearers):
            if bearer.is_residual:
                continue
            if method == "ratio":
                demand = ratios[place]
            elif method == "fixed":
                demand = max(0, min(bearer.fixed, fee - demanded))
                demanded += demand
            else:
                demand = fee - granted
            period = period_key(bearer, on, contract_no)
            key = (code, bearer.name, currency, period)
            taken = demand
            if bearer.cap is not None:
                taken = min(demand, max(0, bearer.cap - self.balances.get(key, 0)))
                self.caps[key] = bearer.cap
            granted += taken
            grants[bearer.name] = Grant(bearer, period, taken)
        residual = next(bearer for bearer in bearers if bearer.is_residual)
        grants[residual.name] = Grant(residual, "none", fee - granted)
        in_order = [grants[bearer.name] for bearer in bearers]
        for grant in in_order:
            self._post(where, code, grant, grant.granted)
        return in_order

    def release(self, grants: list[Grant], amounts: list[int]) -> list[list[tuple[Grant, int]]]:
        """Release what the refunds of one fee give back in one batch, laid on them in order; posts nothing yet."""
        left = [grant.granted - grant.released for grant in grants]
        released = largest_remainder(sum(amounts), left)
        table = overlaps(amounts, released)
        for grant, amount in zip(grants, released, strict=True):
            grant.released += amount
        return [list(zip(grants, row, strict=True)) for row in table]

    def post_release(self, where: Output, code: str, parts: list[tuple[Grant, int]]) -> None:
        """Write the released parts of one refund row, at its place in the clearing order."""
        for grant, amount in parts:
            self._post(where, code, grant, -amount)

    def _post(self, where: Output, code: str, grant: Grant, amount: int) -> None:
        if amount == 0:
            return
        accumulated: int | None = None
        if grant.bearer.cap is not None:
            key = (code, grant.bearer.name, str(where["currency"]), grant.period)
            movement = self.moved.setdefault(key, Movement(self.balances.get(key, 0)))
            accumulated = self.balances.get(key, 0) + amount
            self.balances[key] = accumulated
            movement.granted += max(0, amount)
            movement.released += max(0, -amount)
        self.rows.append(
            {
                **where,
                "allocation_rule_code": code,
                "bearer": grant.bearer.name,
                "period_key": grant.period,
                "granted_minor": amount,
                "accumulated_minor": accumulated,
                "cap_minor": grant.bearer.cap,
            }
        )

    def close(self, batch_id: int) -> None:
        """Write the closing row of every accumulator that ever moved."""
        for key, balance in sorted(self.balances.items()):
            movement = self.moved.get(key, Movement(balance))
            self.closings.append(
                {
                    "batch_id": batch_id,
                    "allocation_rule_code": key[0],
                    "bearer": key[1],
                    "currency": key[2],
                    "period_key": key[3],
                    "opening_minor": movement.opening,
                    "granted_minor": movement.granted,
                    "released_minor": movement.released,
                    "closing_minor": balance,
                    "cap_minor": self.caps[key],
                }
            )
        self.moved.clear()


def period_key(bearer: Bearer, on: date, contract_no: str) -> str:
    """The period a cap counts in, from the order's own date; `none` where there is no cap."""
    if bearer.cap is None:
        return "none"
    return {
        "day": on.isoformat(),
        "month": f"{on:%Y-%m}",
        "quarter": f"{on.year}-Q{(on.month + 2) // 3}",
        "year": str(on.year),
        "contract": contract_no,
        "lifetime": "lifetime",
    }[bearer.cap_period]
