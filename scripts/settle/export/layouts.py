"""Layouts of exported sheets: which table, which columns, under which titles. One YAML each in seeds/layouts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import yaml

from settle.errors import InputError, SettleError
from settle.settings import Settings

Kind = Literal["text", "amount", "count", "date", "time", "flag"]
Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
DIRECTIONS = ("in", "out")


@dataclass(frozen=True)
class ColumnLayout:
    """A column of the sheet. An `amount` is in minor units of the row's currency; `total`: summed at the end."""

    name: str
    titles: dict[str, str]
    kind: Kind = "text"
    total: bool = False


@dataclass(frozen=True)
class Layout:
    """A sheet. `table` is schema.name without the prefix; `by_batch`: it has a batch_date to choose rows by.

    `leaves`: it goes to somebody who acts on it, so it is not written of a batch that quality has stopped. `audited`:
    the kind of object that it is one of, chosen by its number in `file_no`, and written only once that is approved.
    """

    name: str
    direction: str
    titles: dict[str, str]
    table: str
    order: tuple[str, ...]
    columns: tuple[ColumnLayout, ...]
    by_batch: bool
    leaves: bool
    only: tuple[tuple[str, str], ...]
    audited: str = ""

    @property
    def has_totals(self) -> bool:
        """Whether amounts are summed at the end, by currency."""
        return any(column.total for column in self.columns)


def layouts(settings: Settings) -> list[Layout]:
    """Every layout; a file may describe several kinds of one shape."""
    found: list[Layout] = []
    for file in sorted((settings.project_dir / "seeds" / "layouts").glob("*.yml")):
        found += read_layouts(file)
    return found


def read_layouts(file: Path) -> list[Layout]:
    """The layouts of one file. Raises SettleError naming the file and what is wrong with it."""
    body = yaml.safe_load(file.read_text(encoding="utf-8"))
    try:
        columns = tuple(_column(column) for column in body["columns"])
        return [
            Layout(
                name=name,
                direction=str(body.get("direction", "")),
                titles=dict(titles),
                table=str(body["table"]),
                order=tuple(body["order"]),
                columns=columns,
                by_batch=bool(body.get("by_batch", True)),
                leaves=bool(body.get("leaves", False)),
                only=((str(body["kind_column"]), name),) if "kind_column" in body else (),
                audited=str(body.get("audited", "")),
            )
            for name, titles in body["kinds"].items()
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise SettleError(f"{file}: is no layout ({error!r}).") from error


def _column(body: dict[str, object]) -> ColumnLayout:
    kind = str(body.get("kind", "text"))
    if kind not in get_args(Kind):
        raise ValueError(f"kind {kind}")
    titles = {language: str(body[language]) for language in LANGUAGES}
    return ColumnLayout(str(body["name"]), titles, kind, bool(body.get("total", False)))  # type: ignore[arg-type]


def layout_named(settings: Settings, kind: str, direction: str | None) -> Layout:
    """The layout of a kind. Raises InputError where there is none, or where a direction must be said."""
    known = layouts(settings)
    fitting = [layout for layout in known if layout.name == kind]
    if not fitting:
        names = ", ".join(dict.fromkeys(layout.name for layout in known))
        raise InputError(f"{kind}: is nothing that can be exported. Use one of {names}.")
    if fitting[0].direction and direction is None:
        raise InputError(f"--direction is missing: {kind} goes out to an SPV or comes in from it. Use in or out.")
    if direction is not None and direction not in DIRECTIONS:
        raise InputError(f"--direction {direction}: is no direction. Use in or out.")
    if direction is not None and not fitting[0].direction:
        raise InputError(f"--direction {direction}: {kind} has no direction. Leave it out.")
    return next(layout for layout in fitting if layout.direction == (direction or ""))
