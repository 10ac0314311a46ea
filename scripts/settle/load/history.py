"""Rows that came before: repeats are ignored; modified rows and lines that come after their order are rejected."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from settle.load.datasets import DATASETS, Dataset
from settle.load.store import Store

LEFT_OUT = "lines_left_out"
TOUCHED = "keys_touched"


@dataclass(frozen=True)
class Modified:
    """A row whose key was there with other content: where it stands and the first column that differs."""

    line: int
    key: str
    column: str
    old: str | None
    new: str | None
    old_file: str
    old_line: int


@dataclass(frozen=True)
class LateLine:
    """An order line that was loaded for a later batch than its order; `text` is the row as JSON."""

    file_id: int
    batch_id: int
    line: int
    file: str
    order_no: str
    text: str


def has_repeated_keys(store: Store, dataset: Dataset, relation: str, prefix: str = "") -> bool:
    """Whether two rows of a DuckDB relation share a key, judged by a hash: no false no, rarely a false yes."""
    key = ", ".join(f"{prefix}{name}" for name in dataset.key)
    sql = f"select count(*) - count(distinct hash({key})) from {relation}"
    return bool(store.connection.execute(sql).fetchall()[0][0])


def reject_late_lines(
    store: Store, dataset: Dataset, incoming: str, file_id: int, batch_id: int
) -> list[tuple[int, str, date]]:
    """Take out order lines whose order came in an earlier batch; (line, order number, date of that batch) of each.

    Open or built makes no difference: days loaded together must give what they give one by one.
    """
    if dataset.name != "order_lines":
        return []
    rows = store.warehouse.execute(
        f"select i._line_no, i.order_no, b.batch_date from {incoming} as i "
        f"inner join {store.table('orders')} as o on o.order_no = i.order_no and o.version = i.version "
        f"inner join {store.table('batches')} as b on b.batch_id = o._batch_id "
        f"where o._batch_id < ? order by i._line_no",
        (batch_id,),
    )
    if rows:
        _leave_out(store, [int(row[0]) for row in rows])
        store.remove(dataset, file_id, LEFT_OUT)
    return [(int(line), str(order_no), day) for line, order_no, day in rows]


def take_back_late_lines(store: Store, dataset: Dataset, incoming: str, batch_id: int) -> list[LateLine]:
    """Take lines out of the raw table that came first, but for a later batch than the order that comes now.

    Had the order been loaded first they would have been rejected, so nothing may depend on which came first. Their
    batches are after an open one, so none is built. The counts of their files follow; the caller writes the rejects.
    """
    warehouse, lines = store.warehouse, store.table("order_lines")
    if dataset.name != "orders":
        return []
    if not warehouse.execute(f"select 1 from {lines} where _batch_id > ? limit 1", (batch_id,)):
        return []
    columns = DATASETS["order_lines"].column_names
    rows = warehouse.execute(
        f"select l._file_id, l._batch_id, l._line_no, f.file_name, {', '.join(f'l.{name}' for name in columns)} "
        f"from {lines} as l inner join {incoming} as i on i.order_no = l.order_no and i.version = l.version "
        f"inner join {store.table('load_files')} as f on f.file_id = l._file_id "
        f"where l._batch_id > ? order by l._file_id, l._line_no",
        (batch_id,),
    )
    late = [
        LateLine(int(file_id), int(batch), int(line), str(file), str(values[0]), _as_json(columns, values))
        for file_id, batch, line, file, *values in rows
    ]
    for file_id, group in groupby(late, key=lambda line: line.file_id):
        numbers = [line.line for line in group]
        _leave_out(store, numbers)
        warehouse.execute(
            f"delete from {lines} where _file_id = ? and _line_no in (select line_no from {LEFT_OUT})", (file_id,)
        )
        warehouse.execute(
            f"update {store.table('load_files')} set rows_loaded = rows_loaded - ?, rows_rejected = rows_rejected + ? "
            "where file_id = ?",
            (len(numbers), len(numbers), file_id),
        )
    return late


def _as_json(columns: Sequence[str], values: Sequence[object]) -> str:
    """A loaded row as text: the file it came from is not at hand any more."""
    held = {name: str(value) for name, value in zip(columns, values, strict=True) if value is not None}
    return json.dumps(held, ensure_ascii=False)


def _leave_out(store: Store, lines: list[int]) -> None:
    store.warehouse.execute(f"drop table if exists {LEFT_OUT}")
    store.warehouse.execute(f"create temp table {LEFT_OUT} (line_no bigint)")
    if store.warehouse.engine == "duckdb":
        store.warehouse.execute(f"insert into {LEFT_OUT} select unnest(?::bigint[])", (lines,))
    else:
        store.warehouse.execute(f"insert into {LEFT_OUT} select unnest(cast(? as bigint[]))", (lines,))


def take_out_known(
    store: Store, dataset: Dataset, incoming: str, file_id: int, repeated_in_file: bool
) -> tuple[int, list[Modified]]:
    """Take out rows whose key came before, in this file or an earlier one: (number of repeats, modified rows)."""
    warehouse, table = store.warehouse, store.table(dataset.name)
    same_key = " and ".join(f"{{0}}.{name} = {{1}}.{name}" for name in dataset.key)
    keys = ", ".join(dataset.key)
    warehouse.execute(f"drop table if exists {TOUCHED}")
    warehouse.execute(
        f"create temp table {TOUCHED} as select {', '.join(f'i.{name}' for name in dataset.key)} from {incoming} as i "
        f"where false"
    )
    if repeated_in_file:
        warehouse.execute(
            f"insert into {TOUCHED} select {keys} from {incoming} as i group by {keys} having count(*) > 1"
        )
    if warehouse.execute(f"select 1 from {table} where _file_id <> ? limit 1", (file_id,)):
        warehouse.execute(
            f"insert into {TOUCHED} select {', '.join(f'i.{name}' for name in dataset.key)} from {incoming} as i "
            f"inner join {table} as h on {same_key.format('h', 'i')} where h._file_id <> ?",
            (file_id,),
        )
    if not warehouse.execute(f"select 1 from {TOUCHED} limit 1"):
        return 0, []
    if warehouse.engine == "postgres":
        # Without counts PostgreSQL takes a temporary table for small and goes through it row by row.
        warehouse.execute(f"analyze {TOUCHED}")
    return _judge(store, dataset, incoming, file_id, same_key)


def _judge(store: Store, dataset: Dataset, incoming: str, file_id: int, same_key: str) -> tuple[int, list[Modified]]:
    warehouse, table = store.warehouse, store.table(dataset.name)
    keys = ", ".join(dataset.key)
    others = [name for name in dataset.column_names if name not in dataset.key]
    old = {name: f"case when h._file_id is not null then h.{name} else f.{name} end" for name in others}
    differs = {name: f"({old[name]} is distinct from i.{name})" for name in others}
    column = " ".join(f"when {differs[name]} then '{name}'" for name in others)
    old_value = " ".join(f"when {differs[name]} then cast({old[name]} as varchar)" for name in others)
    new_value = " ".join(f"when {differs[name]} then cast(i.{name} as varchar)" for name in others)
    key_text = " || ' ' || ".join(f"cast(i.{name} as varchar)" for name in dataset.key)
    warehouse.execute("drop table if exists rows_judged")
    # The row that stands is the one loaded earlier, else the first of this file; every other one is judged against it.
    warehouse.execute(
        f"""
        create temp table rows_judged as
        with touched as (select distinct {keys} from {TOUCHED}),
        rows_touched as (
            select i.* from {incoming} as i inner join touched as t on {same_key.format("t", "i")}
        ),
        first_lines as (select {keys}, min(_line_no) as first_line from rows_touched group by {keys})
        select
            i._line_no as line_no,
            {key_text} as key_text,
            case {column} end as column_name,
            case {old_value} end as old_value,
            case {new_value} end as new_value,
            case when h._file_id is not null then h._file_id else f._file_id end as old_file_id,
            case when h._file_id is not null then h._line_no else f._line_no end as old_line_no
        from rows_touched as i
        inner join first_lines as l on {same_key.format("l", "i")}
        inner join rows_touched as f on {same_key.format("f", "i")} and f._line_no = l.first_line
        left join {table} as h on {same_key.format("h", "i")} and h._file_id <> {file_id}
        where h._file_id is not null or i._line_no <> l.first_line
        """
    )
    repeats = int(warehouse.execute("select count(*) from rows_judged where column_name is null")[0][0])
    rows = warehouse.execute(
        f"select j.line_no, j.key_text, j.column_name, j.old_value, j.new_value, l.file_name, j.old_line_no "
        f"from rows_judged as j left join {store.table('load_files')} as l on l.file_id = j.old_file_id "
        f"where j.column_name is not null order by j.line_no"
    )
    store.remove(dataset, file_id, "rows_judged")
    modified = [
        Modified(int(line), key, name, before, after, old_file or "this file", int(old_line))
        for line, key, name, before, after, old_file, old_line in rows
    ]
    return repeats, modified
