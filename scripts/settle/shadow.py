"""Shadow: clear the same orders under another configuration, beside the real state, and say what would change."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from settle.dbt import DbtOutcome, run_dbt
from settle.errors import InputError, SettleError
from settle.explain.rows import Reader
from settle.explain.tree import money
from settle.reset import BUILT_BEFORE_SORTING, KEPT_IN, check_batch, cleared_again, last_cleared
from settle.settings import Settings
from settle.standing import model_places
from settle.warehouse import Warehouse, open_warehouse

PREFIX = "shadow_"
# Stands in the shadow's own `meta`, so that schemas which only happen to have these names are never dropped.
MARKER = "shadow_of"
CLEARING = "clearing_internal"
MARTS = ("fct_clearing_details", "fct_fee_allocations")
FEE_KEY = ("participant_id", "rule_code", "currency")
GRANT_KEY = ("participant_id", "rule_code", "level", "parent_bearer", "bearer", "currency")


@dataclass(frozen=True)
class ShadowReport:
    """What would change. Each row has its key and `now_minor`, `then_minor`, `difference_minor`; orders are counts.

    `fees` go by participant and rule, `grants` by bearer as well; rows that stay as they are are in them too.
    """

    from_batch_id: int
    up_to_batch_id: int
    config_dir: Path
    orders_now: int
    orders_then: int
    fees: list[dict[str, Any]]
    grants: list[dict[str, Any]]
    exponents: dict[str, int]
    kept: list[str]

    def as_dict(self) -> dict[str, Any]:
        """The report for a program; amounts in minor units and, as text, in major units."""
        return {
            "from_batch_id": self.from_batch_id,
            "up_to_batch_id": self.up_to_batch_id,
            "config": str(self.config_dir),
            "orders_cleared": {"now": self.orders_now, "then": self.orders_then},
            "fees": [self._with_amounts(row) for row in self.fees],
            "grants": [self._with_amounts(row) for row in self.grants],
            "schemas": self.kept,
        }

    def _with_amounts(self, row: dict[str, Any]) -> dict[str, Any]:
        names = ("now", "then", "difference")
        return {**row, **{name: money(row[f"{name}_minor"], row["currency"], self.exponents) for name in names}}


def shadow(
    settings: Settings, config_dir: Path, from_batch: int, keep: bool, show_progress: bool = True
) -> ShadowReport:
    """Clear the batches from one on under the configuration in `config_dir`, in schemas of their own.

    RESET-SHADOW: the real tables are read and never written. The schemas are dropped at the end unless `keep`. Raises
    InputError for a batch that is not cleared or a configuration that is wrong, TryAgainError while somebody else loads
    or builds.
    """
    if not config_dir.is_dir():
        raise InputError(f"--config: the folder {config_dir} does not exist. Name the folder of the configuration.")
    other = replace(settings, config_dir=config_dir, schema_prefix=PREFIX + settings.schema_prefix)
    with _nobody_else(settings):
        with open_warehouse(settings) as warehouse:
            reader = Reader(warehouse)
            last = min(last_cleared(reader, name) for name in clearing_models(settings))
            check_batch(from_batch, last)
            _refuse_strangers(warehouse, other)
            _drop(warehouse, other)
            _prepare(warehouse, other, from_batch, last)
        done = False
        try:
            _raise_if_failed(run_dbt(other, build_arguments(), show_progress), config_dir)
            with open_warehouse(settings, read_only=True) as warehouse:
                report = _compared(Reader(warehouse), other, from_batch, last)
            done = True
        finally:
            if not (done and keep):
                with _quiet_unless(done), open_warehouse(settings) as warehouse:
                    _drop(warehouse, other)
    return replace(report, kept=[other.schema_prefix + name for name in _schemas(settings)]) if keep else report


def build_arguments() -> list[str]:
    """What dbt builds of the shadow: clearing and what it reads, and the tests of nothing else."""
    wanted = [f"+{name}" for name in MARTS]
    left_out = ["--exclude", *sorted(BUILT_BEFORE_SORTING), "--exclude-resource-type", "unit_test"]
    return ["build", "--select", *wanted, *left_out, "--indirect-selection", "cautious"]


@contextlib.contextmanager
def _nobody_else(settings: Settings) -> Iterator[None]:
    """Keeps loads and builds out meanwhile, where the file's own lock does not."""
    if settings.connection()["type"] != "postgres":
        yield
        return
    with open_warehouse(settings) as warehouse, warehouse.exclusive():
        yield


@contextlib.contextmanager
def _quiet_unless(done: bool) -> Iterator[None]:
    """After a failure, dropping must not hide the first error; the next call drops what is left."""
    with contextlib.nullcontext() if done else contextlib.suppress(SettleError):
        yield


def clearing_models(settings: Settings) -> list[str]:
    """The models that the shadow builds on from where they stood, in tables of its own."""
    return [name for name, schema in cleared_again(settings.project_dir).items() if schema == CLEARING]


def _schemas(settings: Settings) -> list[str]:
    """The schemas that a warehouse of this project has, without the prefix."""
    found = {place.schema for place in model_places(settings.project_dir).values() if place.schema}
    return sorted(found | {"raw", "meta", KEPT_IN, "config", "config_defaults"})


def _refuse_strangers(warehouse: Warehouse, other: Settings) -> None:
    schema = f"{other.schema_prefix}meta"
    names = {str(row[0]) for row in warehouse.execute(
        "select table_name from information_schema.tables where table_schema = ?", (schema,)
    )}  # fmt: skip
    if names and MARKER not in names:
        raise InputError(
            f"schema {schema} is there and is no shadow's: another warehouse has the prefix {other.schema_prefix!r}. "
            "Nothing was changed. Give that one another SETTLE_SCHEMA_PREFIX."
        )


def _drop(warehouse: Warehouse, other: Settings) -> None:
    # The marker goes last: what a killed drop leaves is known for a shadow's.
    names = sorted(_schemas(other), key=lambda name: name == "meta")
    if warehouse.engine == "postgres":
        warehouse.execute("set client_min_messages = warning")
    for name in names:
        warehouse.execute(f"drop schema if exists {other.schema_prefix}{name} cascade")


def _prepare(warehouse: Warehouse, other: Settings, from_batch: int, last: int) -> None:
    """Views of what clearing only reads, copies of what the build writes to: the state as it was before the batch."""

    def there(schema: str) -> str:
        return other.schema_prefix + schema

    def here(schema: str) -> str:
        return warehouse.schema(schema)

    with warehouse.transaction():
        warehouse.execute(f"create schema {there('meta')}")
        warehouse.execute(f"create table {there('meta')}.{MARKER} (from_batch_id bigint not null)")
        warehouse.execute(f"insert into {there('meta')}.{MARKER} values ({from_batch})")
        warehouse.execute(f"create schema {there('raw')}")
        warehouse.execute(f"create schema {there(CLEARING)}")
        tables = warehouse.execute(
            "select table_name from information_schema.tables where table_schema = ? and table_name <> 'batches'",
            (here("raw"),),
        )
        for (table,) in tables:
            warehouse.execute(f"create view {there('raw')}.{table} as select * from {here('raw')}.{table}")
        _copy(warehouse, f"{here('raw')}.batches", f"{there('raw')}.batches", f"batch_id <= {last}")
        quoted = ", ".join(f"'{name}'" for name in sorted(BUILT_BEFORE_SORTING))
        marked = f"batch_id < {from_batch} or (model_name in ({quoted}) and batch_id <= {last})"
        _copy(warehouse, f"{here('meta')}.model_batches", f"{there('meta')}.model_batches", marked)
        _copy(
            warehouse, f"{here('meta')}.tested_batches", f"{there('meta')}.tested_batches", f"batch_id < {from_batch}"
        )
        for name in clearing_models(warehouse.settings):
            _copy(warehouse, f"{here(CLEARING)}.{name}", f"{there(CLEARING)}.{name}", f"batch_id < {from_batch}")
        for name in sorted(BUILT_BEFORE_SORTING):
            schema = model_places(warehouse.settings.project_dir)[name].schema
            warehouse.execute(f"create schema if not exists {there(schema)}")
            warehouse.execute(f"create view {there(schema)}.{name} as select * from {here(schema)}.{name}")


def _copy(warehouse: Warehouse, source: str, target: str, where: str) -> None:
    if warehouse.engine == "postgres":
        # With its indexes: without them every refund would read all of what cleared before.
        warehouse.execute(f"create table {target} (like {source} including all)")
        warehouse.execute(f"insert into {target} select * from {source} where {where}")
        warehouse.execute(f"analyze {target}")
    else:
        warehouse.execute(f"create table {target} as select * from {source} where {where}")


def _raise_if_failed(outcome: DbtOutcome, config_dir: Path) -> None:
    if outcome.success:
        return
    told = "\n".join(
        [
            f"{config_dir}: the orders cannot be cleared under this configuration.",
            *(f"  {failure}" for failure in outcome.failures),
            "Nothing of the real state was changed. Mend the cause and run again.",
        ]
    )
    raise InputError(told) if outcome.exit_code == InputError.exit_code else SettleError(told)


def _compared(reader: Reader, other: Settings, from_batch: int, last: int) -> ShadowReport:
    sides = [("now", reader.warehouse.schema("clearing")), ("then", f"{other.schema_prefix}clearing")]
    batches = f"batch_id between {from_batch} and {last}"
    orders = {
        side: int(reader.warehouse.execute(
            f"select count(distinct order_no) from {schema}.fct_clearing_details where {batches}"
        )[0][0])
        for side, schema in sides
    }  # fmt: skip
    fees = _differences(
        reader.warehouse,
        FEE_KEY,
        [
            f"select {', '.join(FEE_KEY)}, '{side}' as side, fee_minor as amount_minor "
            f"from {schema}.fct_clearing_details where {batches}"
            for side, schema in sides
        ],
    )
    grants = _differences(
        reader.warehouse,
        GRANT_KEY,
        [
            f"select lines.participant_id, {', '.join(f'grants.{name}' for name in GRANT_KEY[1:])}, '{side}' as side, "
            f"grants.granted_minor as amount_minor from {schema}.fct_fee_allocations as grants "
            f"inner join (select distinct clearing_seq, participant_id from {schema}.fct_clearing_details "
            f"where {batches}) as lines on lines.clearing_seq = grants.clearing_seq where {batches} and grants.is_valid"
            for side, schema in sides
        ],
    )
    return ShadowReport(
        from_batch, last, other.config_dir, orders["now"], orders["then"], fees, grants, reader.exponents(), []
    )


def _differences(warehouse: Warehouse, key: tuple[str, ...], selects: list[str]) -> list[dict[str, Any]]:
    """Sums of both sides by key, in the order of the key; only of what has rows."""
    names = ", ".join(key)
    rows = warehouse.execute(
        f"select {names}, sum(case when side = 'now' then amount_minor else 0 end), "
        f"sum(case when side = 'then' then amount_minor else 0 end) "
        f"from ({' union all '.join(selects)}) as both_sides group by {names}"
    )
    return [
        {
            **dict(zip(key, values, strict=True)),
            "now_minor": int(now),
            "then_minor": int(then),
            "difference_minor": int(then) - int(now),
        }
        # Sorted here: the engines order text by rules of their own.
        for *values, now, then in sorted(rows, key=lambda row: tuple(map(str, row)))
    ]


def shadow_lines(report: ShadowReport) -> list[str]:
    """The report for a person: what changes, and the sums of everything."""
    lines = [
        f"Batches {report.from_batch_id} to {report.up_to_batch_id} under {report.config_dir}: "
        f"{report.orders_then:,} orders clear, now {report.orders_now:,}."
    ]
    for title, rows, total in (
        ("Fees by participant and rule", report.fees, "all fees"),
        ("Borne, by participant, rule and bearer", report.grants, "all bearers"),
    ):
        changed = [row for row in rows if row["difference_minor"]]
        lines.append(title)
        lines += [f"  {_name_of(row)}: {_change(row, report.exponents)}" for row in changed]
        for currency in sorted({str(row["currency"]) for row in rows}):
            names = ("now_minor", "then_minor", "difference_minor")
            sums = {name: sum(row[name] for row in rows if row["currency"] == currency) for name in names}
            lines.append(f"  {total}: {_change({**sums, 'currency': currency}, report.exponents)}")
        if not changed:
            lines.append("  nothing changes")
    lines.append("Nothing of the real state was changed.")
    if report.kept:
        lines.append(f"Kept: {', '.join(report.kept)}. The next shadow drops them.")
    return lines


def _name_of(row: dict[str, Any]) -> str:
    parts = [row["participant_id"], row["rule_code"]]
    if "bearer" in row:
        parts += [row["parent_bearer"], row["bearer"]] if row["level"] > 1 else [row["bearer"]]
    return " ".join(str(part) for part in parts)


def _change(row: dict[str, Any], exponents: dict[str, int]) -> str:
    now, then, difference = (
        money(row[f"{name}_minor"], row["currency"], exponents) for name in ("now", "then", "difference")
    )
    return f"{now} → {then} ({'+' if row['difference_minor'] > 0 else ''}{difference})"
