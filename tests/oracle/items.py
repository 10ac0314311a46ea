"""How an item of any relation stands after a batch, in plain Python: REC-RESULT, REC-LATE, REC-BUFFER."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

EXPONENTS = {"CNY": 2, "JPY": 0, "KWD": 3}
Told = tuple[int, str, str, str, int | None, int | None, int | None, str | None, int]


def minor(text: str, currency: str) -> int:
    """Decimal text as minor units."""
    return int(Decimal(text or "0").scaleb(EXPONENTS[currency]))


@dataclass(frozen=True)
class Standing:
    """How an item stands."""

    result: str
    pool: str
    left: int | None
    right: int | None
    match_kind: str | None
    opened: int
    opened_on: date


def stands_now(
    before: Standing | None, finding: str | None, side: tuple[int | None, int | None] | None, number: int, day: date
) -> Standing:
    """The item after a batch in which this was found; without a finding it stands as it stood."""
    if finding is None or side is None:
        assert before is not None
        return before
    was_open = before is not None and before.pool != "none"
    opened, opened_on = (before.opened, before.opened_on) if before is not None and was_open else (number, day)
    if finding in ("equal", "tolerance", "nothing"):
        if before is None:
            result = "matched"
        else:
            result = before.result if before.result in ("matched", "matched_late") else "matched_late"
        late = before is not None and before.result != "matched"
        kind = "tolerance" if finding == "tolerance" else "late" if late else "auto"
        return Standing(result, "none", *side, kind, opened, opened_on)
    return Standing(finding, "error", *side, None, opened, opened_on)


def pooled(item: Standing, buffer_days: int, day: date) -> Standing:
    """What is ours alone waits for some days before it is an error."""
    if item.result != "platform_only":
        return item
    pool = "buffer" if (day - item.opened_on).days <= buffer_days else "error"
    return Standing(item.result, pool, item.left, item.right, None, item.opened, item.opened_on)


def changes(number: int, name: str, before: Standing | None, now: Standing, are_alike: bool = True) -> list[Told]:
    """The row of an item that stands otherwise than before; `are_alike`: its amounts have a difference."""
    if before is not None and (before.result, before.pool, before.left, before.right) == (
        now.result,
        now.pool,
        now.left,
        now.right,
    ):
        return []
    gap = (now.right or 0) - (now.left or 0) if are_alike else None
    return [(number, name, now.result, now.pool, now.left, now.right, gap, now.match_kind, now.opened)]
