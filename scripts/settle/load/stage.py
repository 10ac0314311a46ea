"""From a file to one relation of DuckDB with typed values, and the faults in it, found set by set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from settle.errors import InputError
from settle.load.faults import MAX_SHOWN, Fault
from settle.load.fields import SPACES, Input, Plan, identifier, literal, make_plan
from settle.load.records import Table
from settle.load.templates import Template

if TYPE_CHECKING:
    import duckdb

STAGED = "staged_rows"
LINES = "staged_lines"
ASIDE = "lines_aside"
FAULT_SIGN = "settle: this row has a fault"


@dataclass(frozen=True)
class Staged:
    """A file's rows in DuckDB: `relation` SQL with the file's columns and `_line_no`, and the plan that reads them."""

    connection: duckdb.DuckDBPyConnection
    relation: str
    given: Input
    plan: Plan
    from_text: bool

    def texts(self) -> str:
        """SQL of the rows with their cleaned texts, `_line_no`, `_kind` and `_blank`."""
        blank = "false"
        if self.from_text:
            parts = ", ".join(f"nullif(trim({sql}, {SPACES}), '')" for sql in self.given.columns.values())
            blank = f"coalesce({parts}) is null"
        columns = "".join(f", {sql} as {name}" for name, sql in self.plan.texts.items())
        return (
            f"select _line_no, {blank} as _blank, {self.plan.kind} as _kind, {self.plan.kind_text} as _kind_text"
            f"{columns} from {self.relation}"
        )

    def typed(self) -> str:
        """SQL of the rows with texts and typed values, blank ones left out by `_blank`."""
        columns = "".join(f", {sql} as {name}" for name, sql in self.plan.typed.items())
        return f"select *{columns} from ({self.texts()}) as texts"

    def any_bad(self) -> str:
        """A predicate over `typed`: the row has at least one fault."""
        return " or ".join(f"({check.bad})" for check in self.plan.checks) or "false"

    def insertable(self, columns: Iterable[str], file_id: int, batch_id: int, checked: bool) -> str:
        """The select that fills the raw table.

        Not `checked`: a faulty row raises an error, so that a good file is read once. Else the lines set aside are
        left out, and the rest is known to be good.
        """
        values = ", ".join(f"v_{name}" for name in columns)
        if checked:
            good = f"not _blank and _line_no not in (select line_no from {ASIDE})"
        else:
            good = f"case when _blank then false when {self.any_bad()} then error({literal(FAULT_SIGN)}) else true end"
        return f"select {values}, {file_id}, _line_no, {batch_id} from ({self.typed()}) as typed where {good}"


def stage_table(connection: duckdb.DuckDBPyConnection, table: Table, view: str = STAGED) -> dict[str, str] | None:
    """Read a text table into a view of DuckDB; the SQL of each column, or null if lines are not records after all."""
    import duckdb

    names = [f"c{number}" for number in range(len(table.columns))]
    types = ", ".join(
        [*(["'_line_no': 'BIGINT'"] if table.numbered else []), *(f"'{name}': 'VARCHAR'" for name in names)]
    )
    quoting = f"quote={literal(table.quote)}, escape={literal(table.quote)}"
    line = "" if table.numbered else ", rowid + 2 as _line_no"
    strict = "false" if table.numbered else "true"
    connection.execute(f"drop table if exists {STAGED}_text")
    try:
        connection.execute(
            f"create temp table {STAGED}_text as select * from read_csv({literal(str(table.path))}, auto_detect=false, "
            f"header=false, skip={0 if table.numbered else 1}, delim={literal(table.delimiter)}, {quoting}, "
            f"columns={{{types}}}, strict_mode={strict}, nullstr='', max_line_size=67108864)"
        )
    except (duckdb.InvalidInputException, duckdb.ConversionException):
        if table.numbered:
            raise
        return None
    rows = connection.execute(f"select count(*) from {STAGED}_text").fetchall()[0][0]
    if table.numbered:
        assert rows == table.record_count, f"{rows} rows of {table.record_count} records were read back"
    elif rows != table.line_count - 1:
        return None
    connection.execute(f"create or replace temp view {view} as select *{line} from {STAGED}_text")
    return dict(zip(table.columns, names, strict=True))


def parquet_columns(path: Path, shown: str) -> dict[str, str]:
    """Name and DuckDB type of each column. Raises InputError when it is no Parquet file."""
    import duckdb

    with duckdb.connect() as connection:
        try:
            rows = connection.execute(f"describe select * from read_parquet({literal(str(path))})").fetchall()
        except (duckdb.IOException, duckdb.InvalidInputException) as error:
            text = str(error).splitlines()[0]
            raise InputError(
                f"{shown}: is no Parquet file, or is cut short ({text}). Nothing was loaded. Fetch it again."
            ) from error
    return {str(row[0]): str(row[1]) for row in rows}


def stage(
    connection: duckdb.DuckDBPyConnection,
    template: Template,
    shown: str,
    zone: str,
    exponents: dict[str, int],
    columns: dict[str, str],
    parquet: Path | None = None,
) -> Staged:
    """The staged rows with their plan. `columns`: for text the SQL of each column, for Parquet its type."""
    if parquet is None:
        given = Input(columns, dict.fromkeys(columns, "VARCHAR"), zone, exponents)
        relation = STAGED
    else:
        given = Input({name: identifier(name) for name in columns}, dict(columns), zone, exponents)
        relation = (
            f"(select *, file_row_number + 1 as _line_no "
            f"from read_parquet({literal(str(parquet))}, file_row_number=true)) as parquet_rows"
        )
    # Times without an offset are read in the session's time zone.
    connection.execute(f"set TimeZone = {literal(zone)}")
    staged = Staged(connection, relation, given, make_plan(template, given, shown), parquet is None)
    if template.data.has_currency and exponents:
        # Only the currencies that the file has are asked for in every row; "" stands for all that nobody knows.
        known = ", ".join(literal(code) for code in exponents)
        found = connection.execute(
            f"select distinct case when t_currency in ({known}) then t_currency else '' end "
            f"from ({staged.texts()}) as texts"
        ).fetchall()
        given = replace(given, currencies=tuple(sorted(str(row[0]) for row in found)))
        staged = replace(staged, given=given, plan=make_plan(template, given, shown))
    return staged


@dataclass(frozen=True)
class Findings:
    """The faults of a file: some of them to show (all, if asked for), how many, and in how many lines at most."""

    faults: list[Fault]
    count: int
    lines: int


def set_aside(connection: duckdb.DuckDBPyConnection, lines: Iterable[int]) -> None:
    """Remember the lines to leave out in the relation `lines_aside`."""
    connection.execute(f"create or replace temp table {ASIDE} (line_no bigint not null)")
    connection.execute(f"insert into {ASIDE} select unnest(?::bigint[])", [sorted(lines)])


def find_faults(staged: Staged, every: bool) -> Findings:
    """Look for every fault; `every`: give all of them, not only the first twenty of a kind."""
    connection, checks = staged.connection, staged.plan.checks
    if not checks:
        return Findings([], 0, 0)
    rows = f"from ({staged.typed()}) as typed where not _blank"
    counts = connection.execute(
        f"select {', '.join(f'count(*) filter ({check.bad})' for check in checks)}, "
        f"count(*) filter ({staged.any_bad()}) {rows}"
    ).fetchall()[0]
    position = {name: number for number, name in enumerate(staged.given.columns)}
    faults: list[Fault] = []
    total, lines = sum(counts[:-1]), int(counts[-1])
    for check, count in zip(checks, counts[:-1], strict=True):
        if not count:
            continue
        limit = "" if every or check.verify else f"limit {MAX_SHOWN}"
        found = connection.execute(
            f"select _line_no, cast({check.text} as varchar), {check.extra} {rows} and ({check.bad}) "
            f"order by _line_no {limit}"
        ).fetchall()
        for line, value, extra in found:
            if check.verify and not check.verify(value or ""):
                total -= 1
                continue
            text = check.explain(value or "", extra)
            shown = None if check.code == "missing_value" else value
            faults.append(Fault(line, check.code, text, check.column, shown, order=position.get(check.column, 0)))
    if any(check.verify for check in checks):
        # Values that looked bad and are not must not count their lines.
        lines = min(lines, total)
    return Findings(faults, total, lines)


def blank_count(staged: Staged) -> int:
    """Rows whose every value is empty."""
    if not staged.from_text:
        return 0
    sql = f"select count(*) from ({staged.texts()}) as texts where _blank"
    return int(staged.connection.execute(sql).fetchall()[0][0])


def row_count(staged: Staged) -> int:
    """Rows of the relation, blank ones too."""
    return int(staged.connection.execute(f"select count(*) from {staged.relation}").fetchall()[0][0])


def lines_as_text(staged: Staged, lines: set[int]) -> dict[int, str]:
    """The rows of these lines as JSON, for files whose lines are no text."""
    if not lines:
        return {}
    names = ", ".join(f"{literal(name)}, cast({sql} as varchar)" for name, sql in staged.given.columns.items())
    found = staged.connection.execute(
        f"select _line_no, cast(json_object({names}) as varchar) from {staged.relation} "
        "where _line_no in (select unnest(?::bigint[]))",
        [sorted(lines)],
    ).fetchall()
    return {int(line): str(text) for line, text in found}
