"""One connection class per engine, with transactions, placeholders and the raw tables."""

from __future__ import annotations

import contextlib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import jinja2

from settle.errors import InputError, TryAgainError
from settle.settings import Settings

if TYPE_CHECKING:
    import duckdb
    import psycopg

LOCK_HOLDER = re.compile(r"held in (?P<program>\S+) \(PID (?P<pid>\d+)\)")
# "File too large" is what the limit on the size of one file (`ulimit -f`) gives.
NO_ROOM = re.compile(
    r"No space left on device|Disk quota exceeded|File too large|failed to offload data block|max_temp_directory_size|"
    r"disk full",
    re.I,
)
# Loads look up keys of earlier loads and order lines look up their order: without these PostgreSQL scans history.
POSTGRES_INDEXES = {
    "orders": ("order_no", "_batch_id"),
    "order_lines": ("order_no", "_batch_id"),
    "payments": ("channel_txn_no", "order_no", "_batch_id"),
    "bank_returns": ("instruction_no", "_batch_id"),
    "bank_deposits": ("bank_ref_no", "_batch_id"),
    "spv_reports": ("order_no", "_batch_id"),
    "load_files": ("sha256",),
}
RAW_TABLE = re.compile(r"create table if not exists (\w+)\.(\w+) \(")
ROWS_AT_ONCE = 10_000
PLACEHOLDER = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[?%]")


class Warehouse(ABC):
    """An open warehouse; a context manager that closes its connection."""

    engine: Literal["duckdb", "postgres"]

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

    @abstractmethod
    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement with `?` placeholders; its rows, or none for a statement without a result."""

    @abstractmethod
    def stream(self, sql: str, params: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """As `execute`, for a select of any size: a few thousand rows are held at a time."""

    @abstractmethod
    def transaction(self) -> contextlib.AbstractContextManager[None]:
        """Everything inside is committed together, or rolled back when an error leaves it."""

    @abstractmethod
    def ensure_raw_tables(self) -> None:
        """Make the raw tables where they are missing."""

    @abstractmethod
    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        """Only one load at a time. Raises TryAgainError naming who else is loading."""

    def schema(self, name: str) -> str:
        """The schema's name in this warehouse: prefix and name."""
        return self.settings.schema_prefix + name

    def has_table(self, schema: str, table: str) -> bool:
        """Whether the table or view exists; `schema` without the prefix."""
        sql = "select 1 from information_schema.tables where table_schema = ? and table_name = ?"
        return bool(self.execute(sql, (self.schema(schema), table)))

    def _raw_statements(self) -> list[str]:
        file = self.settings.project_dir / "macros" / "raw" / "raw_tables.sql"
        module: Any = jinja2.Environment().from_string(file.read_text(encoding="utf-8")).module
        text = str(module.raw_tables(self.settings.schema_prefix))
        return [statement.strip() for statement in text.split(";") if statement.strip()]


class DuckDBWarehouse(Warehouse):
    """The embedded engine: one file, one writer."""

    engine = "duckdb"

    def __init__(self, settings: Settings, connection: duckdb.DuckDBPyConnection) -> None:
        super().__init__(settings)
        self.connection = connection

    def close(self) -> None:
        self.connection.close()

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        result = self.connection.execute(sql, list(params)) if params else self.connection.execute(sql)
        return result.fetchall() if result.description else []

    def stream(self, sql: str, params: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        # Not through Arrow: where insertion order is not kept, DuckDB 2.0 hands out even sorted rows in another order.
        result = self.connection.cursor().execute(sql, list(params))
        while rows := result.fetchmany(ROWS_AT_ONCE):
            yield from rows

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        self.connection.execute("begin transaction")
        try:
            yield
        except BaseException:
            with contextlib.suppress(Exception):
                self.connection.execute("rollback")
            raise
        self.connection.execute("commit")

    def ensure_raw_tables(self) -> None:
        with self.transaction():
            for statement in self._raw_statements():
                self.connection.execute(statement)

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        # The file's own lock already keeps every other process out.
        yield


class PostgresWarehouse(Warehouse):
    """A server; loads take an advisory lock so that only one of them writes at a time."""

    engine = "postgres"

    def __init__(self, settings: Settings, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        super().__init__(settings)
        self.connection = connection

    def close(self) -> None:
        self.connection.close()

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            if params:
                cursor.execute(to_percent_placeholders(sql).encode(), list(params))
            else:
                cursor.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def stream(self, sql: str, params: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        # A cursor of the server gives the rows piece by piece; it lives in a transaction.
        with self.connection.transaction(), self.connection.cursor(name="settle_stream") as cursor:
            cursor.itersize = ROWS_AT_ONCE
            cursor.execute(to_percent_placeholders(sql).encode() if params else sql.encode(), list(params) or None)
            yield from cursor

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        with self.connection.transaction():
            yield

    def ensure_raw_tables(self) -> None:
        if self._has_raw_tables() and self._has_indexes():
            return
        with self.transaction():
            self.execute("select pg_advisory_xact_lock(hashtext('settle raw tables'))")
            self.execute("set local client_min_messages = warning")
            for statement in self._raw_statements():
                self.execute(statement)
            raw = self.schema("raw")
            for table, columns in POSTGRES_INDEXES.items():
                for column in columns:
                    self.execute(f"create index if not exists {table}_{column}_idx on {raw}.{table} ({column})")

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        key = f"settle load {self.settings.schema_prefix}"
        if not self.execute("select pg_try_advisory_lock(hashtext(?))", (key,))[0][0]:
            rows = self.execute(
                "select a.pid, a.application_name from pg_locks as l inner join pg_stat_activity as a on a.pid = l.pid "
                "where l.locktype = 'advisory' and l.granted and l.objid = hashtext(?)::bigint & 4294967295",
                (key,),
            )
            holder = ", ".join(f"server process {pid} ({program})" for pid, program in rows) or "another load"
            raise TryAgainError(
                f"the warehouse is being loaded by {holder}. Nothing was changed. Wait until it ends, then try again."
            )
        try:
            yield
        finally:
            with contextlib.suppress(Exception):
                self.execute("select pg_advisory_unlock(hashtext(?))", (key,))

    def _has_raw_tables(self) -> bool:
        """Whether every table is there: what an earlier version made lacks the later ones."""
        wanted = {tuple(found) for text in self._raw_statements() for found in RAW_TABLE.findall(text)}
        schemas = sorted({schema for schema, _ in wanted})
        places = ", ".join("?" for _ in schemas)
        sql = f"select table_schema, table_name from information_schema.tables where table_schema in ({places})"
        return wanted <= set(self.execute(sql, schemas))

    def _has_indexes(self) -> bool:
        # dbt makes the tables without indexes when it runs before the first load.
        sql = "select count(*) from pg_indexes where schemaname = ? and indexname like '%_idx'"
        return bool(self.execute(sql, (self.schema("raw"),))[0][0] >= sum(map(len, POSTGRES_INDEXES.values())))


def to_percent_placeholders(sql: str) -> str:
    """`?` outside quotes becomes `%s`; a literal `%` is doubled, which psycopg asks for when there are parameters."""

    def replaced(match: re.Match[str]) -> str:
        token = match.group(0)
        if token == "?":
            return "%s"
        return token.replace("%", "%%")

    return PLACEHOLDER.sub(replaced, sql)


def open_warehouse(settings: Settings, read_only: bool = False) -> Warehouse:
    """Open the warehouse that the target names; a missing DuckDB file is made unless `read_only`.

    Raises TryAgainError when it is locked (naming the holder), unreachable or finds no room for a new file, InputError
    when the profile is wrong.
    """
    output = settings.connection()
    if output["type"] == "duckdb":
        return _open_duckdb(settings, output, read_only)
    return _open_postgres(settings, output, read_only)


def _open_duckdb(settings: Settings, output: dict[str, Any], read_only: bool) -> Warehouse:
    import duckdb

    path = Path(str(output.get("path") or settings.warehouse_path)).absolute()
    if read_only and not path.exists():
        raise InputError(f"{path}: there is no warehouse yet. Load a file first: settle load orders FILE")
    is_new = not path.exists()
    try:
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
        options = dict(output.get("config_options") or {})
        connection = duckdb.connect(str(path), read_only=read_only, config=options)
        # DuckDB names the catalog after the file: in settlement.duckdb, `settlement.x` could be either.
        if connection.execute("select 1 from duckdb_schemas() where schema_name = current_database()").fetchall():
            connection.close()
            connection = duckdb.connect(config=options)
            quoted = str(path).replace("'", "''")
            connection.execute(f"attach '{quoted}' as warehouse_file{' (read_only)' if read_only else ''}")
            connection.execute("use warehouse_file")
    except (OSError, duckdb.IOException, duckdb.ConnectionException) as error:
        opened = _duckdb_open_error(path, error)
        if is_new and NO_ROOM.search(str(error)):
            # What there was room for is no warehouse: left behind, it would be refused as damaged ever after.
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        raise opened from error
    for name, value in dict(output.get("settings") or {}).items():
        connection.execute(f"set {name} = '{str(value).replace(chr(39), chr(39) * 2)}'")
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set enable_progress_bar = false")
    return DuckDBWarehouse(settings, connection)


def _duckdb_open_error(path: Path, error: Exception) -> Exception:
    text = str(error)
    holder = LOCK_HOLDER.search(text)
    if holder:
        program = Path(holder["program"]).name
        return TryAgainError(
            f"{path}: the warehouse is locked by process {holder['pid']} ({program}). "
            "Nothing was changed. Wait until it ends, then try again."
        )
    if NO_ROOM.search(text):
        return TryAgainError(
            f"{path}: there is no room left on the disk for the warehouse ({text.splitlines()[0]}). "
            "Nothing was changed. Make room or name another --warehouse FILE, then try again."
        )
    if "lock" in text.lower() or "different configuration" in text:
        return TryAgainError(f"{path}: the warehouse is in use. Nothing was changed. Try again later. ({text})")
    if "not a valid DuckDB database" in text:
        return InputError(f"{path}: is no DuckDB file. Name the warehouse with --warehouse FILE.")
    return InputError(f"{path}: the warehouse cannot be opened: {text}")


def _open_postgres(settings: Settings, output: dict[str, Any], read_only: bool) -> Warehouse:
    import psycopg

    host, port = str(output.get("host") or "localhost"), int(output.get("port") or 5432)
    database = str(output.get("dbname") or output.get("database") or "")
    try:
        connection: psycopg.Connection[tuple[Any, ...]] = psycopg.connect(
            host=host,
            port=port,
            user=str(output.get("user") or ""),
            password=str(output.get("password") or output.get("pass") or ""),
            dbname=database,
            sslmode=output.get("sslmode"),
            connect_timeout=int(output.get("connect_timeout") or 10),
            autocommit=True,
            application_name="settle",
        )
    except psycopg.OperationalError as error:
        raise _postgres_open_error(f"{host}:{port}/{database}", error) from error
    connection.execute("set time zone 'UTC'")
    if read_only:
        connection.execute("set default_transaction_read_only = on")
    return PostgresWarehouse(settings, connection)


def _postgres_open_error(where: str, error: Exception) -> Exception:
    text = " ".join(str(error).split())
    if "authentication failed" in text or "does not exist" in text or "no password supplied" in text:
        return InputError(f"PostgreSQL {where} refuses: {text}. Mend the profile's host, user, password or dbname.")
    return TryAgainError(
        f"PostgreSQL {where} cannot be reached: {text}. Nothing was changed. Start it, then try again."
    )
