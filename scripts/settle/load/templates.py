"""File templates: what a layout is called, how it is read, and which of its columns becomes which of ours."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from settle.load.datasets import DATASETS, Dataset

# Layouts of text that are not one record a line under a header; a reader of their own makes rows of them.
LAYOUTS = ("fixed", "camt053", "mt940", "bai2", "paypal")
FORMATS = ("csv", "xlsx", "parquet", "ndjson", *LAYOUTS)
ANY_KIND = ""


@dataclass(frozen=True)
class FieldSource:
    """Where a value comes from. Exactly one of columns, add and constant is filled.

    `columns`: names of the file's columns; with `join` all of them, joined, else the first that the header has; with
    `names` all of them, as the values of a JSON object with these names.
    """

    columns: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    join: str | None = None
    skip_empty: bool = False
    upper: bool = False
    add: tuple[str, ...] = ()
    subtract: tuple[str, ...] = ()
    constant: str | None = None
    default: str | None = None
    values: tuple[tuple[str, str], ...] = ()
    strip_prefix: str | None = None
    null_values: tuple[str, ...] = ()
    thousands: str | None = None
    decimal: str = "."
    time_formats: tuple[str, ...] = ()
    time_zone: str | None = None
    unit: str = "major"
    sign: str = "as_is"
    optional: bool = False

    def present(self, header: frozenset[str]) -> tuple[str, ...]:
        """The file's columns that this field reads, given the names in its header."""
        if self.add or self.names or self.join is not None:
            return (*self.add, *self.subtract) or self.columns
        return next(((name,) for name in self.columns if name in header), self.columns[:1])


@dataclass(frozen=True)
class Total:
    """A declared total: the count of rows (`sum_column` empty) or the sum of a column, of one kind of rows or all.

    `decimals`: the column is in minor units and the total has so many decimals; `negated`: their signs are opposite.
    """

    declared: str
    sum_column: str | None = None
    kind: str | None = None
    decimals: int = 0
    negated: bool = False


@dataclass(frozen=True)
class FixedColumn:
    """A column at a fixed place, counted in bytes of the file's encoding from 0. `signs`: what a first letter means."""

    name: str
    start: int
    width: int
    signs: tuple[tuple[str, str], ...] = ()

    @property
    def end(self) -> int:
        return self.start + self.width


@dataclass(frozen=True)
class Summary:
    """Another file that declares totals: a member of the zip, or one that lies beside the file.

    `file_name` is a pattern of the file's own name; its groups fill the braces of `beside`, a pattern of the other's.
    """

    members: tuple[str, ...] = ()
    file_name: str = ""
    beside: str = ""


@dataclass(frozen=True)
class RowCheck:
    """What must hold in every row: two columns are the same, sums are equal, or a value is one of some.

    `left`, `right`: columns; with `among` there is one on the left, and none on the right.
    """

    left: tuple[str, ...]
    right: tuple[str, ...] = ()
    is_sum: bool = False
    among: tuple[str, ...] = ()


@dataclass(frozen=True)
class Balanced:
    """The rows of one kind (payouts) must be what the other rows of the same group give.

    `decimals`: the amounts are in minor units of a currency with so many; `may_be_partial`: a file may hold some rows
    of a payout only, so that a difference is told and does not refuse the file.
    """

    by: str
    plus: str
    minus: str | None
    kind: str
    decimals: int = 0
    may_be_partial: bool = False


# A row of a panel is known by line and period: line 2, period 14 is 2014.
MOST_PERIODS = 1000


@dataclass(frozen=True)
class Panel:
    """A file that holds one thing a line with a block of columns for each period: every period becomes a row.

    `columns`: name of a row's column and the pattern of the file's, whose braces stand for the period's number;
    `before`: a row's column that has the value which another one had in the period before; `first`: the plain columns
    that are period 0; `date`: a row's column with the last day of its month, counted from the date in a plain column
    (name, plain column, its strptime format), as 2017-05-31. A period is a row where all of `not_empty` are there,
    all of `above_zero` are above zero, and at least one of `not_zero` is not zero.
    """

    period: str
    columns: tuple[tuple[str, str], ...]
    first: tuple[tuple[str, str], ...] = ()
    before: tuple[tuple[str, str], ...] = ()
    date: tuple[str, str, str] | None = None
    not_empty: tuple[str, ...] = ()
    not_zero: tuple[str, ...] = ()
    above_zero: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        """The columns that a row has and the file has not."""
        dated = (self.date[0],) if self.date else ()
        return (self.period, *(name for name, _ in (*self.columns, *self.before)), *dated)

    def periods(self, header: Iterable[str]) -> list[int]:
        """The periods that the header has at least one column of, and 0 where plain columns are its first."""
        found = {0} if self.first else set()
        patterns = [re.compile(re.escape(text).replace(r"\{\}", "([0-9]{1,3})")) for _, text in self.columns]
        for name in header:
            found |= {int(match[1]) for pattern in patterns if (match := pattern.fullmatch(name))}
        return sorted(found)

    def column_of(self, name: str, period: int) -> str | None:
        """The file's column where a row of this period has the value; None if it has none there."""
        if self.date and name == self.date[0]:
            return self.date[1]
        if period < 1:
            return dict(self.first).get(name) if period == 0 else None
        if name in dict(self.before):
            return self.column_of(dict(self.before)[name], period - 1)
        return dict(self.columns)[name].replace("{}", str(period)) if name in dict(self.columns) else None

    def file_columns(self, header: Iterable[str]) -> list[str]:
        """The file's columns that the rows are made of."""
        needed = [plain for _, plain in self.first] + ([self.date[1]] if self.date else [])
        for period in self.periods(header) or [1]:
            needed += [name for each, _ in self.columns if (name := self.column_of(each, period))]
        return list(dict.fromkeys(needed))

    def header(self, header: tuple[str, ...]) -> tuple[str, ...]:
        """The columns of the rows: those of the file that are no block, and the panel's own."""
        plain = {name for _, name in self.first} | ({self.date[1]} if self.date else set())
        blocks = set(self.file_columns(header)) - plain
        return (*(name for name in header if name not in blocks), *self.names())


@dataclass(frozen=True)
class TrailerLines:
    """Totals in comment lines: every pattern must be found; named groups are the declared values."""

    patterns: tuple[str, ...]
    totals: tuple[Total, ...]


@dataclass(frozen=True)
class Trailer:
    """How a file ends. `header` opens two lines of names and values; or comment lines match `alternatives`."""

    header: str | None = None
    end_mark: str | None = None
    required: str = "always"
    totals: tuple[Total, ...] = ()
    alternatives: tuple[TrailerLines, ...] = ()


@dataclass(frozen=True)
class Template:
    """One layout. `fields` gives, per canonical column, its source per kind of row (kind "" where there are none)."""

    name: str
    dataset: str
    description: str
    formats: tuple[str, ...]
    body: str
    path: Path
    fields: dict[str, dict[str, FieldSource]]
    file_names: tuple[str, ...] = ()
    encodings: tuple[str, ...] = ("utf-8",)
    delimiter: str = ","
    quote: str = '"'
    skip_lines: int = 0
    comment_prefix: str | None = None
    sheet: str | None = None
    member_patterns: tuple[str, ...] = ("*",)
    member_ignored: tuple[str, ...] = ()
    strip: bool = False
    strip_prefix: str | None = None
    null_values: tuple[str, ...] = ()
    time_zone: str | None = None
    kind_column: str | None = None
    kinds: tuple[tuple[str, str], ...] = ()
    ignored_columns: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    trailer: Trailer | None = None
    empty_bill: tuple[str, ...] = ()
    columns: tuple[FixedColumn, ...] = ()
    summary: Summary | None = None
    row_checks: tuple[RowCheck, ...] = ()
    balanced: Balanced | None = None
    panel: Panel | None = None
    hash: str = field(default="")

    @property
    def data(self) -> Dataset:
        return DATASETS[self.dataset]

    @property
    def layout(self) -> str:
        """The layout if the template is for one, else empty."""
        return self.formats[0] if self.formats[0] in LAYOUTS else ""

    @property
    def ignores_all(self) -> bool:
        return "*" in self.ignored_columns

    def sources(self) -> list[tuple[str, str, FieldSource]]:
        """Every (canonical column, kind, source)."""
        return [(name, kind, source) for name, kinds in self.fields.items() for kind, source in kinds.items()]

    def missing_columns(self, header: frozenset[str]) -> list[str]:
        """The file's columns that the template needs and the header lacks, in the order of the fields."""
        missing: list[str] = []
        if self.panel:
            missing += [name for name in self.panel.file_columns(header) if name not in header]
            header |= set(self.panel.names())
        if self.kind_column and self.kind_column not in header:
            missing.append(self.kind_column)
        for _, _, source in self.sources():
            if source.constant is not None or source.optional:
                continue
            missing += [column for column in source.present(header) if column not in header]
        for check in self.row_checks:
            missing += [column for column in (*check.left, *check.right) if column not in header]
        if self.balanced:
            needed = (self.balanced.by, self.balanced.plus, self.balanced.minus or self.balanced.plus)
            missing += [column for column in needed if column not in header]
        for total in self.all_totals():
            if total.sum_column and total.sum_column not in header:
                missing.append(total.sum_column)
        return list(dict.fromkeys(missing))

    def known_columns(self) -> frozenset[str]:
        """Every name of a file's column that the template reads or ignores."""
        names = {
            column for _, _, source in self.sources() for column in (*source.columns, *source.add, *source.subtract)
        }
        names |= {column for check in self.row_checks for column in (*check.left, *check.right)}
        if self.balanced:
            names |= {self.balanced.by, self.balanced.plus, self.balanced.minus or self.balanced.plus}
        names |= {total.sum_column for total in self.all_totals() if total.sum_column}
        return frozenset(names | set(self.ignored_columns) | ({self.kind_column} if self.kind_column else set()))

    def extra_columns(self, header: tuple[str, ...]) -> list[str]:
        """The header's columns that the template does not know."""
        blocks = self.panel.file_columns(header) if self.panel else []
        return [] if self.ignores_all else [name for name in header if name not in {*self.known_columns(), *blocks}]

    def all_totals(self) -> tuple[Total, ...]:
        if self.trailer is None:
            return ()
        return self.trailer.totals + tuple(total for lines in self.trailer.alternatives for total in lines.totals)


def ignored_members(template: Template) -> tuple[str, ...]:
    """Name patterns of what is in a zip beside the rows: what is ignored, and the summary."""
    return (*template.member_ignored, *(template.summary.members if template.summary else ()))
