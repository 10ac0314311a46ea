"""The bulk paths of both engines: where a file's rows go before they are known to be new, and how they get there."""

from __future__ import annotations

import contextlib
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from settle.errors import SettleError
from settle.load.datasets import Dataset
from settle.warehouse import DuckDBWarehouse, PostgresWarehouse, Warehouse

if TYPE_CHECKING:
    import duckdb

SYSTEM_COLUMNS = ("_file_id", "_line_no", "_batch_id")
INCOMING = "incoming_rows"


class Store(ABC):
    """Takes the rows of one file. `connection` is the DuckDB that reads and checks the file."""

    connection: duckdb.DuckDBPyConnection

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse

    def table(self, name: str) -> str:
        return f"{self.warehouse.schema('raw')}.{name}"

    @abstractmethod
    def write(self, dataset: Dataset, select: str, file_id: int) -> str:
        """Run the select in DuckDB and hold its rows; the relation that has them, and nothing else."""

    @abstractmethod
    def remove(self, dataset: Dataset, file_id: int, lines: str) -> None:
        """Take rows out again, by a relation of `line_no`."""

    @abstractmethod
    def finish(self, dataset: Dataset) -> None:
        """Put the held rows into the raw table."""

    @abstractmethod
    def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Bulk insert of rows that Python made: the ledger of rejects."""


class DuckDBStore(Store):
    """One engine: rows go straight into the raw table, inside the open transaction."""

    def __init__(self, warehouse: DuckDBWarehouse) -> None:
        super().__init__(warehouse)
        self.connection = warehouse.connection

    def write(self, dataset: Dataset, select: str, file_id: int) -> str:
        columns = ", ".join((*dataset.column_names, *SYSTEM_COLUMNS))
        self.connection.execute(f"insert into {self.table(dataset.name)} ({columns}) {select}")
        return f"(select * from {self.table(dataset.name)} where _file_id = {file_id})"

    def remove(self, dataset: Dataset, file_id: int, lines: str) -> None:
        self.connection.execute(
            f"delete from {self.table(dataset.name)} where _file_id = {file_id} "
            f"and _line_no in (select line_no from {lines})"
        )

    def finish(self, dataset: Dataset) -> None:
        return None

    def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        import pyarrow as pa

        if not rows:
            return
        data = pa.table({name: [row[at] for row in rows] for at, name in enumerate(columns)})
        self.connection.register("rows_from_python", data)
        names = ", ".join(columns)
        self.connection.execute(f"insert into {self.table(table)} ({names}) select {names} from rows_from_python")
        self.connection.unregister("rows_from_python")


class PostgresStore(Store):
    """DuckDB reads and checks in memory; the rows stream through COPY into a temporary table beside the raw one."""

    def __init__(self, warehouse: PostgresWarehouse, folder: Path) -> None:
        import duckdb

        super().__init__(warehouse)
        self.postgres = warehouse.connection
        self.folder = folder
        self.connection = duckdb.connect()
        memory = os.environ.get("SETTLE_MEMORY_LIMIT", "5GB").replace("'", "")
        self.connection.execute(f"set memory_limit = '{memory}'")
        self.connection.execute(f"set temp_directory = '{str(folder / 'spill').replace(chr(39), chr(39) * 2)}'")
        self.connection.execute("set enable_progress_bar = false")

    def write(self, dataset: Dataset, select: str, file_id: int) -> str:
        names = ", ".join((*dataset.column_names, *SYSTEM_COLUMNS))
        self.warehouse.execute(
            f"create temp table {INCOMING} on commit drop as select {names} from {self.table(dataset.name)} where false"
        )
        sql = f"copy {INCOMING} ({names}) from stdin (format csv)".encode()
        with self.reading(select) as stream, self.postgres.cursor() as cursor, cursor.copy(sql) as copy:
            while chunk := stream.read(1 << 20):
                copy.write(chunk)
        self.warehouse.execute(f"analyze {INCOMING}")
        return INCOMING

    @contextlib.contextmanager
    def reading(self, select: str) -> Iterator[Any]:
        """The select's rows as a stream of CSV, written by DuckDB in another thread."""
        pipe = self.folder / "rows.pipe"
        pipe.unlink(missing_ok=True)
        os.mkfifo(pipe)
        failure: list[BaseException] = []
        # Holding the pipe open for writing keeps the reader from waiting for ever if DuckDB fails before it opens it.
        holder = os.open(pipe, os.O_RDWR)

        def run() -> None:
            try:
                self.connection.execute(f"copy ({select}) to '{pipe}' (format csv, header false, use_tmp_file false)")
            except BaseException as error:
                failure.append(error)
            finally:
                os.close(holder)

        with pipe.open("rb", buffering=0) as stream:
            thread = threading.Thread(target=run, daemon=True)
            thread.start()
            try:
                yield _Checked(stream, thread, failure)
            except BaseException:
                self.connection.interrupt()
                raise
            finally:
                while stream.read(1 << 20):
                    pass
                thread.join()
                pipe.unlink(missing_ok=True)

    def remove(self, dataset: Dataset, file_id: int, lines: str) -> None:
        self.warehouse.execute(f"delete from {INCOMING} where _line_no in (select line_no from {lines})")

    def finish(self, dataset: Dataset) -> None:
        names = ", ".join((*dataset.column_names, *SYSTEM_COLUMNS))
        self.warehouse.execute(f"insert into {self.table(dataset.name)} ({names}) select {names} from {INCOMING}")
        # PostgreSQL counts a table by itself a minute later. A build before that takes it for small and joins it row by
        # row: 40,000 orders took more than ten minutes.
        self.warehouse.execute(f"analyze {self.table(dataset.name)}")

    def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        sql = f"copy {self.table(table)} ({', '.join(columns)}) from stdin".encode()
        with self.postgres.cursor() as cursor, cursor.copy(sql) as copy:
            for row in rows:
                copy.write_row(row)


class _Checked:
    """A stream that raises the writer's error instead of ending early."""

    def __init__(self, stream: Any, thread: threading.Thread, failure: list[BaseException]) -> None:
        self.stream = stream
        self.thread = thread
        self.failure = failure

    def read(self, size: int) -> bytes:
        chunk: bytes = self.stream.read(size)
        if not chunk:
            self.thread.join()
            if self.failure:
                raise self.failure[0]
        return chunk


@contextlib.contextmanager
def open_store(warehouse: Warehouse, folder: Path) -> Iterator[Store]:
    """The store of the warehouse's engine; `folder` is for what spills and pipes."""
    if isinstance(warehouse, DuckDBWarehouse):
        try:
            yield DuckDBStore(warehouse)
        finally:
            with contextlib.suppress(Exception):
                warehouse.connection.execute("set TimeZone = 'UTC'")
        return
    if not isinstance(warehouse, PostgresWarehouse):
        raise SettleError(f"no bulk path for {warehouse.engine}")
    store = PostgresStore(warehouse, folder)
    try:
        yield store
    finally:
        store.connection.close()
