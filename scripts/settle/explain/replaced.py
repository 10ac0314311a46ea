"""What stands in the place of what a reset superseded: rows of a later reset, or those that hold now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from settle.explain.recorded import Facts
from settle.explain.tree import Row
from settle.standing import covers

Key = tuple[Any, ...]


@dataclass(frozen=True)
class After:
    """The fee that replaced another. `reset_no` is the reset that has superseded it in its turn."""

    detail: Row
    has_same_worth: bool
    has_same_shares: bool
    reset_no: int | None

    @property
    def is_same(self) -> bool:
        """Whether fee and shares are what they were before."""
        return self.has_same_worth and self.has_same_shares


@dataclass(frozen=True)
class Replacement:
    """What replaced the rows of one reset: fees by version, line, kind and rule.

    `added` are fees that had nothing in their place before; `is_same` says that nothing at all has changed.
    """

    fees: Mapping[Key, After]
    added: Sequence[Row]
    is_same: bool

    def of(self, detail: Row) -> After | None:
        """What replaced this fee; None where nothing did."""
        return self.fees.get(_key(detail))


def replacement(resets: Sequence[Facts], reset: Facts, now: Facts) -> Replacement:
    """Compare what a reset superseded of an order with what was built after it.

    `resets` are all resets, each with `sorted`, `details` and `grants` of the order; `now` has the same of what holds.
    Numbers that are given again, such as clearing_seq, are no difference, nor is what others had accumulated.
    """
    later = [other for other in resets if other["reset_no"] > reset["reset_no"]]
    before = _told(reset)
    fees: dict[Key, After] = {}
    shares_now: set[Key] = set()
    reasons_now: set[Key] = set()
    for source in [*later, now]:
        number = None if source is now else source["reset_no"]
        batches = {
            int(row["batch_id"])
            for row in source["sorted"]
            if row["batch_id"] >= reset["from_batch_id"] and _holder(later, row["batch_id"]) == number
        }
        found = _told(source, batches)
        for key, detail in found.details.items():
            old = before.details.get(key)
            same_worth = old is not None and _worth(old) == _worth(detail)
            fees[key] = After(detail, same_worth, found.shares[key] == before.shares.get(key), number)
        reasons_now |= found.reasons
        shares_now |= set(found.details)
    same_fees = set(before.details) == shares_now and all(after.is_same for after in fees.values())
    return Replacement(
        fees,
        [after.detail for key, after in fees.items() if key not in before.details],
        same_fees and before.reasons == reasons_now,
    )


@dataclass(frozen=True)
class _Told:
    details: dict[Key, Row]
    shares: dict[Key, list[Key]]
    reasons: set[Key]


def _told(source: Facts, batches: set[int] | None = None) -> _Told:
    """Fees, shares and reasons of one state, without the numbers that are given again."""
    details = {_key(row): row for row in source["details"] if batches is None or row["batch_id"] in batches}
    shares = {
        key: sorted(
            (grant["level"], grant["parent_bearer"], grant["bearer"], grant["granted_minor"])
            for grant in source["grants"]
            if grant["granted_minor"]
            and (grant["clearing_seq"], grant["rule_code"]) == (row["clearing_seq"], row["rule_code"])
        )
        for key, row in details.items()
    }
    reasons = {
        (row["batch_id"], row["order_version"], row["reason_code"])
        for row in source["sorted"]
        if row["clearing_seq"] is None and (batches is None or row["batch_id"] in batches)
    }
    return _Told(details, shares, reasons)


def _holder(later: Sequence[Facts], batch_id: int) -> int | None:
    """The reset that next superseded a batch; None where what was built then holds."""
    return next((reset["reset_no"] for reset in later if covers(reset, batch_id)), None)


def _key(detail: Row) -> Key:
    return detail["order_version"], detail["line_no"], detail["entry_kind"], detail["rule_code"]


def _worth(detail: Row) -> Key:
    return detail["batch_id"], detail["participant_id"], detail["currency"], detail["base_minor"], detail["fee_minor"]
