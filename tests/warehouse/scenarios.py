"""The scenarios of docs/scenarios: what a user starts from, read as files, as worlds of the oracle, and as marts."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from settle.load.loader import FileJob, LoadReport, Rejecting, load_files
from settle.output import SilentReporter
from settle.settings import Settings
from settle.warehouse import open_warehouse
from tests.oracle.oracle import run_oracle
from tests.oracle.world import LINE_COLUMNS, ORDER_COLUMNS, PAYMENT_COLUMNS, SEED_COLUMNS, Batch, Row, World
from tests.warehouse.company import CHECKOUT

FOLDER = CHECKOUT / "docs" / "scenarios"
SHIPPED = CHECKOUT / "seeds" / "packages" / "defaults" / "seeds"
DATASETS = {"orders": ORDER_COLUMNS, "order_lines": LINE_COLUMNS, "payments": PAYMENT_COLUMNS}
# The file of expected rows, and the mart that must hold them: its table, what the oracle calls it, whose row it is.
MARTS = {
    "clearing_details": ("clearing.fct_clearing_details", "details", "order_no"),
    "fee_allocations": ("clearing.fct_fee_allocations", "allocations", "order_no"),
    "settlement_bills": ("settlement.fct_settlement_bills", "bills", "participant_id"),
}
Rows = dict[str, list[Row]]


def read_csv(path: Path) -> list[Row]:
    """Rows of text."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@dataclass(frozen=True)
class Scenario:
    """One folder: configuration, files by batch date, the rows that must come out, and the page that explains them."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def page(self) -> str:
        return (self.folder / "README.md").read_text(encoding="utf-8")

    def days(self) -> list[date]:
        """The batch dates, in order."""
        return sorted(date.fromisoformat(folder.name) for folder in (self.folder / "files").iterdir())

    def files(self, day: date) -> list[tuple[str, Path]]:
        """Dataset and file of one batch date; lines may come before or after their orders."""
        return [(path.stem, path) for path in sorted((self.folder / "files" / day.isoformat()).glob("*.csv"))]

    def config(self) -> dict[str, list[Row]]:
        """The tables of the configuration folder."""
        return {path.stem: read_csv(path) for path in sorted((self.folder / "config").glob("*.csv"))}

    def expected(self) -> Rows:
        """The rows worked by hand, by the name of their file."""
        return {name: read_csv(self.folder / "expected" / f"{name}.csv") for name in MARTS}

    def columns(self, name: str) -> list[str]:
        """The columns that a file of expected rows has."""
        return (self.folder / "expected" / f"{name}.csv").read_text(encoding="utf-8").splitlines()[0].split(",")

    def world(self) -> World:
        """The scenario for the oracle, with the shipped currencies and calendar."""
        tables = {path.stem: read_csv(path) for path in (SHIPPED / "currencies.csv", SHIPPED / "business_days.csv")}
        for table, rows in self.config().items():
            tables[table] = [_filled(row, SEED_COLUMNS[table]) for row in rows]
        batches = []
        for day in self.days():
            read = {dataset: read_csv(path) for dataset, path in self.files(day)}
            parts = {name: [_filled(row, columns) for row in read.get(name, [])] for name, columns in DATASETS.items()}
            batches.append(Batch(day, **parts))
        return World(0, "", batches, tables)

    def told_by_oracle(self) -> Rows:
        """What the oracle says, in the columns of the expected rows."""
        results = run_oracle(self.world())
        days = dict(enumerate(self.days(), start=1))
        found: Rows = {}
        for name, (_, attribute, _) in MARTS.items():
            rows = [{**row, "batch_date": days[row["batch_id"]]} for row in getattr(results, attribute)]
            found[name] = [{column: _text(row[column]) for column in self.columns(name)} for row in rows]
        return found

    def told_by_warehouse(self, settings: Settings) -> Rows:
        """What the marts hold of this scenario, in the columns of the expected rows."""
        orders = {row["order_no"] for day in self.days() for _, path in self.files(day) for row in read_csv(path)}
        mine = orders | {row["participant_id"] for row in self.config()["participants"]}
        found: Rows = {}
        with open_warehouse(settings, read_only=True) as warehouse:
            for name, (mart, _, owner) in MARTS.items():
                schema, table = mart.split(".")
                columns = self.columns(name)
                read = ", ".join(f"{'batches' if column == 'batch_date' else 'mart'}.{column}" for column in columns)
                rows = warehouse.execute(
                    f"select mart.{owner}, {read} from {warehouse.schema(schema)}.{table} as mart "
                    f"inner join {warehouse.schema('raw')}.batches as batches on batches.batch_id = mart.batch_id"
                )
                found[name] = [
                    dict(zip(columns, map(_text, values), strict=True)) for key, *values in rows if key in mine
                ]
        return found


SCENARIOS = [Scenario(folder) for folder in sorted(FOLDER.iterdir()) if folder.is_dir()]


def _filled(row: Row, columns: Sequence[str]) -> Row:
    unknown = set(row) - set(columns)
    assert not unknown, f"no such column: {sorted(unknown)}"
    return {column: row.get(column, "") for column in columns}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def differences(scenario: Scenario, found: Rows) -> list[str]:
    """One text for each row that is missing or not expected. A bearer that takes nothing may have a row or none."""
    told = []
    for name, expected in scenario.expected().items():
        wanted, got = _counted(expected), _counted(found[name])
        told += [f"{scenario.name}, {name}: missing {dict(row)}" for row in sorted((wanted - got).elements())]
        told += [f"{scenario.name}, {name}: not expected {dict(row)}" for row in sorted((got - wanted).elements())]
    return told


def _counted(rows: Iterable[Mapping[str, str]]) -> Counter[tuple[tuple[str, str], ...]]:
    return Counter(tuple(row.items()) for row in rows if row.get("granted_minor") != "0")


def write_together(folder: Path) -> None:
    """One configuration folder with the tables of all scenarios; their codes are different."""
    folder.mkdir(parents=True)
    tables: dict[str, list[Row]] = {}
    for scenario in SCENARIOS:
        for table, rows in scenario.config().items():
            tables.setdefault(table, []).extend(rows)
    for table, rows in tables.items():
        columns = list(dict.fromkeys(column for row in rows for column in row))
        with (folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def load_together(settings: Settings) -> None:
    """Load the files of all scenarios, batch date by batch date."""
    reports: list[LoadReport] = []
    for day in sorted({day for scenario in SCENARIOS for day in scenario.days()}):
        for dataset in DATASETS:
            jobs = [
                FileJob(dataset, path)
                for scenario in SCENARIOS
                for name, path in scenario.files(day)
                if name == dataset
            ]
            load_files(settings, jobs, day, Rejecting(), SilentReporter(), reports)
    assert all(report.counts.rejected == 0 for report in reports), [report.summary() for report in reports]
