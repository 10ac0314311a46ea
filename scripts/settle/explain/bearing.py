"""Who bears a fee, in words: asked, granted, the room under the cap, and who took what another could not."""

from __future__ import annotations

from collections.abc import Sequence

from settle.explain.figures import Figures
from settle.explain.tree import Branch, Row

PARTICIPANT = "participant"


class Bearing:
    """Tells the grants of one fee: rows in the order of asking, of both levels."""

    def __init__(self, figures: Figures, participant: str | None, currency: str) -> None:
        self.figures = figures
        self.participant = participant
        self.currency = currency

    def add(self, part: Branch, grants: Sequence[Row]) -> None:
        """One line for each bearer beneath `part`, its children beneath it."""
        top = [grant for grant in grants if grant["level"] == 1]
        below = [grant for grant in grants if grant["level"] != 1]
        for grant in top:
            children = [child for child in below if child["parent_bearer"] == grant["bearer"]]
            branch = part.add(self.text(grant, top, is_split=bool(children)))
            for child in children:
                branch.add(self.text(child, children))
        # On the shares of an amount only those without children pay: their parents have no fee of their own.
        known = {grant["bearer"] for grant in top}
        for parent in dict.fromkeys(child["parent_bearer"] for child in below if child["parent_bearer"] not in known):
            children = [child for child in below if child["parent_bearer"] == parent]
            branch = part.add(f"of the share of {self.name(parent)}")
            for child in children:
                branch.add(self.text(child, children))

    def name(self, bearer: str) -> str:
        """The bearer; `participant` stands for whoever the line is of."""
        return f"{self.participant}, the participant" if bearer == PARTICIPANT else bearer

    def _short(self, bearer: str) -> str:
        return str(self.participant) if bearer == PARTICIPANT else bearer

    def text(self, grant: Row, siblings: Sequence[Row], is_split: bool = False) -> str:
        """What one bearer takes or gets back, with its cap; `siblings` are all who share the same amount."""
        granted, asked = grant["granted_minor"], grant["demand_minor"]
        name = self.name(grant["bearer"]) + ("," if grant["bearer"] == PARTICIPANT else "")
        verb = "takes" if is_split else "bears"
        if granted < 0:
            text = f"{name} gets back {self._money(-granted)}"
        elif granted == 0:
            text = f"{name} {verb} nothing of {self._money(asked)} asked"
        else:
            text = f"{name} {verb} {self._money(granted)}"
            if granted < asked:
                text += f" of {self._money(asked)} asked"
            elif granted > asked:
                others = " and ".join(self._short(row["bearer"]) for row in siblings if _missed(row) > 0)
                own = f"{self._money(asked)} of its own and " if asked else ""
                text += f": {own}{self._money(granted - asked)} that {others or 'others'} could not take"
        return text + self._cap(grant) + self._next(grant, siblings) + (", split further" if is_split else "")

    def _money(self, minor: int) -> str:
        return self.figures.money(minor, self.currency)

    def _cap(self, grant: Row) -> str:
        cap, after = grant["cap_minor"], grant["accumulated_minor"]
        if cap is None or after is None:
            return ""
        before = after - grant["granted_minor"]
        rooms = [max(0, cap - before), max(0, cap - after)]
        if before == after:
            return f"; {self._money(after)} of its cap {self._money(cap)} ({_period(grant)}) used, no room"
        return (
            f"; {self.figures.bare(before, self.currency)} → {self.figures.bare(after, self.currency)} of its cap "
            f"{self._money(cap)} ({_period(grant)}) used, "
            f"room {self.figures.bare(rooms[0], self.currency)} → {self._money(rooms[1])}"
        )

    def _next(self, grant: Row, siblings: Sequence[Row]) -> str:
        """In a sequence, who is asked next for what this one could not take."""
        if _missed(grant) <= 0 or grant["method"] != "sequence":
            return ""
        place = next(number for number, row in enumerate(siblings) if row is grant)
        if place + 1 == len(siblings):
            return ""
        return f"; the other {self._money(_missed(grant))} asked of {self._short(siblings[place + 1]['bearer'])}"


def _missed(grant: Row) -> int:
    """What a bearer was asked for and could not take; negative where it took what others could not."""
    return int(grant["demand_minor"]) - int(grant["granted_minor"])


def _period(grant: Row) -> str:
    """The period of a cap; a cap by contract of a line without one has an empty key."""
    return grant["period_key"] or "no contract"
