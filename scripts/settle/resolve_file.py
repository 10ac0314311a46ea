"""Files of decisions on open differences: each row as it is wanted, all of them taken or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from settle.decision_files import all_or_none, read_rows
from settle.resolve import Decision, Desk, Wanted
from settle.resolve_lines import ORDERS_CHANNEL

NEEDED = ("item_key", "action", "reason")
KNOWN = (*NEEDED, "with", "by", "relation")


@dataclass(frozen=True)
class FileRow:
    """One row: its line in the file and what it asks for."""

    line: int
    wanted: Wanted


def read_decisions(path: Path, by: str, relation: str = ORDERS_CHANNEL) -> list[FileRow]:
    """The rows of a file; what a row does not say of `by` and `relation` is as given here.

    Raises InputError when the file cannot be read, lacks a column, has one that nobody knows, or has no row.
    """
    return [FileRow(row.line, _wanted(row.cells, by, relation)) for row in read_rows(path, NEEDED, KNOWN)]


def decide_all(desk: Desk, path: Path, rows: list[FileRow]) -> list[Decision]:
    """All decisions of a file, or none.

    Raises InputError with every row that cannot be taken; DecisionNeededError when people must settle all of them.
    """
    asked = [(row.line, {**vars(row.wanted), "with": row.wanted.other}) for row in rows]
    return all_or_none(path, asked, lambda values: desk.decide(_wanted(values, "", "")))


def _wanted(cells: Mapping[str, str], by: str, relation: str) -> Wanted:
    return Wanted(
        cells.get("item_key", ""),
        cells.get("action", ""),
        cells.get("reason", ""),
        cells.get("by") or by,
        cells.get("with", ""),
        cells.get("relation") or relation,
    )
