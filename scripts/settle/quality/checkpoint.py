"""Runs the suites over one batch with Great Expectations, in the warehouse's own SQL engine.

This module is imported in a process of its own (`settle.quality.child`): Great Expectations takes seconds to import
and sets process-wide state, and no other command should pay for it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

# Before the import: nobody is told what is checked here.
os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx
import sqlalchemy
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.execution_engine import sqlalchemy_execution_engine

from settle.errors import InputError
from settle.quality.results import Finding
from settle.quality.suites import OWN_KINDS, Expectation, Suite, sql_of
from settle.settings import Settings

KEYS_SHOWN = 20
# Its classes are not exported for type checkers.
EXPECTATIONS: Any = gx.expectations
ROW_COUNT = "expect_table_row_count_to_be_between"
DOCS = {"class_name": "SiteBuilder", "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"}}


class _DuckDBDialect(str):
    """How Great Expectations names an engine; it has no name for DuckDB."""

    @property
    def value(self) -> str:
        return str(self)


@dataclass(frozen=True)
class Batch:
    """What a checkpoint looks at."""

    batch_id: int
    batch_date: date


def check_batch(settings: Settings, suites: Sequence[Suite], batch: Batch, docs: Path) -> list[Finding]:
    """What every expectation found in the rows of one batch; Data Docs go below `docs`.

    Only counts and at most `KEYS_SHOWN` keys leave the engine. Raises InputError naming file and expectation of what
    cannot be computed.
    """
    _keep_duckdb_connections()
    with _on_connect(settings):
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        source = context.data_sources.add_sql("warehouse", **_connection(settings))
        context.add_data_docs_site("batch", {**DOCS, "store_backend": _store(docs)})  # type: ignore[typeddict-item]
        findings: list[Finding] = []
        try:
            for suite in suites:
                findings += _checked(settings, context, source, suite, batch)
            context.build_data_docs(site_names=["batch"])
        finally:
            source.get_execution_engine().close()
    return findings


def _checked(settings: Settings, context: Any, source: Any, suite: Suite, batch: Batch) -> list[Finding]:
    prefix = settings.schema_prefix

    def sql(text: str) -> str:
        return sql_of(text, prefix, batch.batch_id, batch.batch_date)

    asset = source.add_query_asset(suite.name, query=f"select * from {prefix}{suite.table} where {sql(suite.rows)}")
    counted = EXPECTATIONS.ExpectTableRowCountToBeBetween(min_value=0, description="Rows that were looked at")
    entries = [counted, *(_expectation(suite, each, batch, sql) for each in suite.expectations)]
    validation = gx.ValidationDefinition(
        name=suite.name,
        data=asset.add_batch_definition_whole_table(f"batch {batch.batch_id}"),
        suite=context.suites.add(gx.ExpectationSuite(suite.name, expectations=entries)),
    )
    checkpoint = gx.Checkpoint(
        name=suite.name,
        validation_definitions=[context.validation_definitions.add(validation)],
        result_format={
            "result_format": "COMPLETE",
            "unexpected_index_column_names": list(suite.key),
            "partial_unexpected_count": KEYS_SHOWN,
        },
    )
    outcome = context.checkpoints.add(checkpoint).run()
    (run,) = outcome.run_results.values()
    results = {
        str(each.expectation_config.meta.get("id")): each for each in run.results if each.expectation_config.meta
    }
    faults = [(each, _exception_of(results[each.expectation_id])) for each in suite.expectations]
    raised = [(each, why) for each, why in faults if why]
    if raised:
        raise _fault(suite, raised[0][0], raised[0][1])
    (rows,) = [each.result["observed_value"] for each in run.results if each.expectation_config.type == ROW_COUNT]
    return [_finding(suite, each, batch, int(rows), results[each.expectation_id]) for each in suite.expectations]


def _expectation(suite: Suite, expectation: Expectation, batch: Batch, sql: Any) -> Any:
    told: dict[str, Any] = {
        "description": expectation.meaning,
        "meta": {"id": expectation.expectation_id},
        "notes": f"Owner: {expectation.owner}. What to do: {expectation.what_to_do}",
        "severity": "critical" if expectation.stops(batch.batch_date) else "warning",
    }
    try:
        if expectation.kind in OWN_KINDS:
            columns = ", ".join(suite.key)
            query = (
                f"select {columns} from (select * from {{batch}}) as checked "
                f"where {_braces(sql(expectation.where))} order by {columns}"
            )
            return EXPECTATIONS.UnexpectedRowsExpectation(unexpected_rows_query=query, **told)
        kind = "".join(word.capitalize() for word in expectation.kind.split("_"))
        return getattr(EXPECTATIONS, kind)(**expectation.arguments, **told)
    except ValueError as error:
        raise _fault(suite, expectation, error) from error


def _braces(sql: str) -> str:
    """Braces of the condition itself, doubled: Great Expectations takes a single one, as in `{batch}`, for its own."""
    return sql.replace("{", "{{").replace("}", "}}").replace("{{batch}}", "{batch}")


def _finding(suite: Suite, expectation: Expectation, batch: Batch, rows: int, outcome: Any) -> Finding:
    found: Mapping[str, Any] = outcome.to_json_dict()
    result = found["result"]
    if expectation.kind in OWN_KINDS:
        failing, keys = int(result["observed_value"]), result["details"]["unexpected_rows"]
    else:
        failing, keys = int(result["unexpected_count"] or 0), result.get("partial_unexpected_index_list") or []
    return Finding(
        batch_id=batch.batch_id,
        batch_date=batch.batch_date,
        expectation_id=expectation.expectation_id,
        table_name=suite.table,
        held=bool(found["success"]),
        failing_rows=failing,
        checked_rows=rows,
        sample_keys=_keys(suite, keys),
        owner=expectation.owner,
        meaning=expectation.meaning,
        what_to_do=expectation.what_to_do,
        severity=expectation.severity,
        warn_until=expectation.until,
        stops=not found["success"] and expectation.stops(batch.batch_date),
    )


def _keys(suite: Suite, rows: Sequence[Mapping[str, Any]]) -> str:
    shown = {", ".join(f"{name} {row[name]}" for name in suite.key) for row in rows[:KEYS_SHOWN]}
    return "; ".join(sorted(shown))


def _exception_of(outcome: Any) -> str:
    """What was raised while computing; Great Expectations tells one exception, or one for each number it needs."""
    info: Mapping[str, Any] = outcome.exception_info or {}
    entries = [info] if "raised_exception" in info else list(info.values())
    raised = [entry for entry in entries if entry.get("raised_exception")]
    return str(raised[0].get("exception_message")) if raised else ""


def _fault(suite: Suite, expectation: Expectation, why: object) -> InputError:
    first = " ".join(str(why).partition("[SQL:")[0].split())[:400]
    return InputError(
        f"{suite.file}: {expectation.expectation_id}: cannot be computed on {suite.table}: {first}. "
        "Mend the expectation, or build the warehouse with the models of this version (settle run)."
    )


def _store(docs: Path) -> dict[str, str]:
    return {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs)}


def _connection(settings: Settings) -> dict[str, Any]:
    output = settings.connection()
    if output["type"] == "duckdb":
        # The file is attached on connecting: DuckDB names the catalog of an opened file after it, and in
        # settlement.duckdb `settlement.x` could be either the catalog or the schema.
        options = {**dict(output.get("config_options") or {}), "temp_directory": _spill(settings)}
        return {"connection_string": "duckdb:///:memory:", "kwargs": {"connect_args": {"config": options}}}
    return {"connection_string": "postgresql+psycopg://", "kwargs": {"poolclass": sqlalchemy.pool.StaticPool}}


def _spill(settings: Settings) -> str:
    return os.environ.get("SETTLE_SPILL", str(settings.warehouse_path.parent / "spill"))


@contextlib.contextmanager
def _on_connect(settings: Settings) -> Iterator[None]:
    """Every connection that is made meanwhile reads the warehouse of `settings`, and only reads.

    Passwords never become part of a text that Great Expectations keeps or substitutes variables in.
    """
    output = settings.connection()

    def attach(connection: Any, _record: Any) -> None:
        path = str(Path(str(output.get("path") or settings.warehouse_path)).absolute()).replace("'", "''")
        for statement in (
            f"attach '{path}' as warehouse_file (read_only)",
            "use warehouse_file",
            "set TimeZone = 'UTC'",
        ):
            connection.cursor().execute(statement)

    def dial(_dialect: Any, _record: Any, _arguments: Any, parameters: dict[str, Any]) -> None:
        parameters |= {
            "host": str(output.get("host") or "localhost"),
            "port": int(output.get("port") or 5432),
            "user": str(output.get("user") or ""),
            "password": str(output.get("password") or output.get("pass") or ""),
            "dbname": str(output.get("dbname") or output.get("database") or ""),
            "application_name": "settle quality",
            "options": "-c default_transaction_read_only=on -c timezone=UTC",
        }
        if output.get("sslmode"):
            parameters["sslmode"] = output["sslmode"]

    name, listener = ("connect", attach) if output["type"] == "duckdb" else ("do_connect", dial)
    sqlalchemy.event.listen(sqlalchemy.engine.Engine, name, listener)
    try:
        yield
    finally:
        sqlalchemy.event.remove(sqlalchemy.engine.Engine, name, listener)


def _keep_duckdb_connections() -> None:
    """Great Expectations closes a connection before it reads the result, unless the engine's name is in this list; with
    DuckDB every expectation would fail. The list is private: the version is pinned, and a test runs on DuckDB.
    """
    known = sqlalchemy_execution_engine._PERSISTED_CONNECTION_DIALECTS
    if not any(str(each.value) == "duckdb" for each in known):
        added: Any = (*known, _DuckDBDialect("duckdb"))
        sqlalchemy_execution_engine._PERSISTED_CONNECTION_DIALECTS = added
