"""The split of one fee between its bearers, with caps, in two levels (DOMAIN section 5): one fee after the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from tests.oracle.world import Output, Row, as_bool, as_int, in_force, largest_remainder, overlaps, period_of

Key = tuple[str, str, str, str, str, str]  # allocation rule, level, parent, bearer, currency, period
TOP = ("1", "")


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


@dataclass(frozen=True)
class Scope:
    """The bearers among whom something is split on one day, by priority, and how."""

    method: str
    overflow: str
    bearers: tuple[Bearer, ...]


@dataclass
class Grant:
    """What one bearer bears of one fee, what of it refunds have released, and its children's parts."""

    place: tuple[str, str, str]  # allocation rule, level, parent
    bearer: Bearer
    period: str
    granted: int
    demanded: int
    released: int = 0
    children: list["Grant"] = field(default_factory=list)


@dataclass
class Movement:
    """What a batch did to one accumulator."""

    opening: int
    granted: int = 0
    released: int = 0


def leaves(grants: Sequence[Grant]) -> Iterator[Grant]:
    """The grants without children: those who pay."""
    for grant in grants:
        if grant.children:
            yield from leaves(grant.children)
        else:
            yield grant


@dataclass
class Allocator:
    """The accumulators of a world and the rows they wrote."""

    rules: list[Row]
    bearers: list[Row]
    balances: dict[Key, int] = field(default_factory=dict)
    moved: dict[Key, Movement] = field(default_factory=dict)
    rows: list[Output] = field(default_factory=list)
    closings: list[Output] = field(default_factory=list)

    def scope(self, code: str, level: str, parent: str, on: date) -> Scope:
        """The bearers of one scope whose rows are in force on a date; without bearers where it has none."""
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
            if (row["allocation_rule_code"], row["level"], row["parent_bearer"]) == (code, level, parent)
            and in_force(row, on)
        ]
        if not found:
            return Scope("", "", ())
        rule = next(
            row
            for row in self.rules
            if (row["allocation_rule_code"], row["level"], row["parent_bearer"]) == (code, level, parent)
        )
        return Scope(rule["method"], rule["overflow"], tuple(sorted(found, key=lambda bearer: bearer.priority)))

    def grant(self, where: Output, code: str, fee: int, on: date, contract_no: str) -> list[Grant]:
        """Lay a fee ≥ 0 on the bearers of a rule, and each grant on the bearer's children; by priority."""
        found = self._split(where, (code, *TOP), fee, on, contract_no)
        for grant in found:
            if grant.granted > 0:
                grant.children = self._split(where, (code, "2", grant.bearer.name), grant.granted, on, contract_no)
        return found

    def _split(
        self, where: Output, place: tuple[str, str, str], amount: int, on: date, contract_no: str
    ) -> list[Grant]:
        scope = self.scope(*place, on)
        if not scope.bearers:
            return []
        currency = str(where["currency"])
        periods = [
            period_of(bearer.cap_period, on, contract_no) if bearer.cap is not None else "none"
            for bearer in scope.bearers
        ]
        rooms = [
            None
            if bearer.cap is None
            else max(0, bearer.cap - self.balances.get((*place, bearer.name, currency, period), 0))
            for bearer, period in zip(scope.bearers, periods, strict=True)
        ]
        if scope.method == "ratio" and scope.overflow == "redistribute":
            granted = redistribute(amount, scope.bearers, rooms)
        else:
            granted = overflow_to_residual(amount, scope, rooms)
        asked = demands(amount, scope, granted)
        grants = [
            Grant(place, bearer, period, part, demand)
            for bearer, period, part, demand in zip(scope.bearers, periods, granted, asked, strict=True)
        ]
        for grant in grants:
            self._post(where, grant, grant.granted, grant.demanded)
        return grants

    def release(self, grants: list[Grant], amounts: list[int]) -> list[list[tuple[Grant, int]]]:
        """Release what the refunds of one fee give back in one batch, laid on them in order; posts nothing yet.

        One list for each of `amounts`: grants of both levels with what is released of them.
        """
        left = [grant.granted - grant.released for grant in grants]
        released = largest_remainder(sum(amounts), left)
        table = overlaps(amounts, released)
        parts = [list(zip(grants, row, strict=True)) for row in table]
        for column, grant in enumerate(grants):
            grant.released += released[column]
            if grant.children:
                below = self.release(grant.children, [row[column] for row in table])
                for mine, theirs in zip(parts, below, strict=True):
                    mine.extend(theirs)
        return parts

    def post_release(self, where: Output, parts: list[tuple[Grant, int]]) -> None:
        """Write the released parts of one refund row, at its place in the clearing order."""
        for grant, amount in parts:
            self._post(where, grant, -amount)

    def reverse(self, where: Output, grants: list[Grant]) -> None:
        """Write the negative of recorded grants of both levels, into the periods they were granted in."""
        for grant in grants:
            assert grant.released == 0, "what a refund has taken from is never reversed"
            self._post(where, grant, -grant.granted)
            self.reverse(where, grant.children)

    def post_share(self, where: Output, grant: Grant, fee: int) -> None:
        """Write the fee of one leaf share of an amount: same place and bearer, no cap."""
        free = Bearer(grant.bearer.name, grant.bearer.priority, 0, 0, None, "", False)
        self._post(where, Grant(grant.place, free, "none", fee, fee), fee)

    def _post(self, where: Output, grant: Grant, amount: int, demanded: int | None = None) -> None:
        if amount == 0:
            return
        accumulated: int | None = None
        if grant.bearer.cap is not None:
            key = (*grant.place, grant.bearer.name, str(where["currency"]), grant.period)
            movement = self.moved.setdefault(key, Movement(self.balances.get(key, 0)))
            accumulated = self.balances.get(key, 0) + amount
            self.balances[key] = accumulated
            movement.granted += max(0, amount)
            movement.released += max(0, -amount)
        self.rows.append(
            {
                **where,
                "allocation_rule_code": grant.place[0],
                "level": int(grant.place[1]),
                "parent_bearer": grant.place[2],
                "bearer": grant.bearer.name,
                "period_key": grant.period,
                "demand_minor": amount if demanded is None else demanded,
                "granted_minor": amount,
                "accumulated_minor": accumulated,
                "cap_minor": grant.bearer.cap,
            }
        )

    def close(self, batch_id: int, batch_date: date) -> None:
        """Write the closing row of every accumulator that ever moved, with the cap in force on the batch date."""
        for key, balance in sorted(self.balances.items()):
            movement = self.moved.get(key, Movement(balance))
            code, level, parent, name, currency, period = key
            caps = [row.cap for row in self.scope(code, level, parent, batch_date).bearers if row.name == name]
            self.closings.append(
                {
                    "batch_id": batch_id,
                    "allocation_rule_code": code,
                    "level": int(level),
                    "parent_bearer": parent,
                    "bearer": name,
                    "currency": currency,
                    "period_key": period,
                    "opening_minor": movement.opening,
                    "granted_minor": movement.granted,
                    "released_minor": movement.released,
                    "closing_minor": balance,
                    "cap_minor": caps[0] if caps else None,
                }
            )
        self.moved.clear()


def overflow_to_residual(amount: int, scope: Scope, rooms: Sequence[int | None]) -> list[int]:
    """Grants by the method's own demands; what capped bearers can't take is the residual's. Room None is no cap."""
    ratios = largest_remainder(amount, [bearer.ppm for bearer in scope.bearers]) if scope.method == "ratio" else []
    granted = [0] * len(scope.bearers)
    demanded = 0
    for place, bearer in enumerate(scope.bearers):
        if bearer.is_residual:
            continue
        if scope.method == "ratio":
            demand = ratios[place]
        elif scope.method == "fixed":
            demand = max(0, min(bearer.fixed, amount - demanded))
            demanded += demand
        else:
            demand = amount - sum(granted)
        granted[place] = _limited(demand, rooms[place])
    residual = next(place for place, bearer in enumerate(scope.bearers) if bearer.is_residual)
    granted[residual] = amount - sum(granted)
    return granted


def demands(amount: int, scope: Scope, granted: Sequence[int]) -> list[int]:
    """What each bearer was asked for first: its share, its fixed amount, or in a sequence what those before it left."""
    if scope.method == "ratio":
        return largest_remainder(amount, [bearer.ppm for bearer in scope.bearers])
    asked = [0] * len(scope.bearers)
    left = amount
    for place in sorted(range(len(asked)), key=lambda place: scope.bearers[place].is_residual):
        bearer = scope.bearers[place]
        takes_all = scope.method == "sequence" or bearer.is_residual
        asked[place] = left if takes_all else min(bearer.fixed, left)
        left -= granted[place] if scope.method == "sequence" else asked[place]
    return asked


def redistribute(amount: int, bearers: Sequence[Bearer], rooms: Sequence[int | None]) -> list[int]:
    """Grants by ratio, the excess split again by the same ratios among those with room, until all of it is placed."""
    granted = [0] * len(bearers)
    among = list(range(len(bearers)))
    left = amount
    while left:
        weights = [bearers[place].ppm for place in among]
        if sum(weights) == 0:
            granted[next(place for place in among if bearers[place].is_residual)] += left
            break
        for place, share in zip(among, largest_remainder(left, weights), strict=True):
            room = rooms[place]
            taken = _limited(share, None if room is None else room - granted[place])
            granted[place] += taken
            left -= taken
        among = [place for place in among if _has_room(rooms[place], granted[place])]
    return granted


def _limited(demand: int, room: int | None) -> int:
    return demand if room is None else min(demand, room)


def _has_room(room: int | None, granted: int) -> bool:
    return room is None or granted < room
