"""Run the benchmark: one reference day beside the script, or many days one after the other."""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import psutil

from settle.bench.measure import Measured, run_measured
from settle.bench.totals import SCRIPT_TOTALS, WAREHOUSE_TOTALS, Totals, differences, known_totals, totals_of
from settle.errors import SettleError
from settle.generate.reference_config import Shape, write_config
from settle.generate.reference_day import BatchFiles, DaySpec, batch_files, make_reference_days
from settle.settings import SHIPPED_PROFILE, Settings

WITHOUT_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
BUSINESS_DAYS = Path("seeds") / "packages" / "defaults" / "seeds" / "business_days.csv"
SCRIPT, LOAD, BUILD, BUILD_TESTED, BUILD_IDLE = "script", "load", "build", "build with tests", "build, nothing to do"
PARSE = "first parse"
BATCH = "batch"
CLEARING_MODELS = ("intermediate/clearing", "marts/clearing")
CLEARING_STATEMENTS = (
    "create table fees as",
    "create table grants as",
    "create table grants_below as",
    "create table accumulators as",
)

Say = Callable[[str], None]


@dataclass
class Bench:
    """One call of the benchmark: where its files are, and what was measured so far, by step and in order."""

    settings: Settings
    spec: DaySpec
    folder: Path
    say: Say
    shape: Shape = Shape.PLAIN
    measured: list[Measured] = field(default_factory=list)
    totals: Totals = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """The folder of the generated days; kept, so that another run need not make them again."""
        return self.folder / f"day-{self.spec.orders}x{self.spec.batches}-seed{self.spec.seed}"

    @property
    def config(self) -> Path:
        """The configuration of the shape that is measured."""
        return self.data / ("config" if self.shape == Shape.PLAIN else f"config-{self.shape}")

    @property
    def runs(self) -> Path:
        """The folder of this run's warehouses; emptied before each."""
        return self.folder / "runs"

    @property
    def files(self) -> list[BatchFiles]:
        """The generated files by date."""
        return batch_files(self.spec, self.data, self.settings.project_dir / BUSINESS_DAYS)

    def prepare(self) -> None:
        """Make the days unless they are there, and an empty folder for the warehouses."""
        # answers.json is written last: without it the data is not whole.
        if not (self.data / "answers.json").exists():
            shutil.rmtree(self.data, ignore_errors=True)
            self.make_data()
        self.empty_runs()

    def make_data(self) -> None:
        """Make the days."""
        self.say(f"making {self.spec.batches} x {self.spec.orders:,} orders in {self.data}")
        make_reference_days(self.spec, self.data, self.settings.project_dir / BUSINESS_DAYS)

    def empty_runs(self) -> None:
        """Remove the warehouses of an earlier run; the shipped profile is put beside them."""
        shutil.rmtree(self.runs, ignore_errors=True)
        profile = self.runs / "profile" / "profiles.yml"
        profile.parent.mkdir(parents=True)
        shutil.copyfile(self.settings.project_dir / SHIPPED_PROFILE, profile)

    def variables(self, warehouse: Path) -> dict[str, str]:
        """The surroundings of a measured step: its own warehouse, the shipped profile, nothing of the user's."""
        return {
            "SETTLE_PROJECT": str(self.settings.project_dir),
            "SETTLE_WAREHOUSE": str(warehouse),
            "SETTLE_TARGET": "duckdb",
            "SETTLE_CONFIG": str(self.config),
            "SETTLE_ARCHIVE": str(self.runs / "archive"),
            "SETTLE_SPILL": str(self.runs / "spill"),
            "SETTLE_SCHEMA_PREFIX": "",
            "SETTLE_TIME_ZONE": "Asia/Shanghai",
            "DBT_PROFILES_DIR": str(self.runs / "profile"),
            "DBT_TARGET_PATH": str(self.runs / f"target-{warehouse.stem}"),
            "DBT_LOG_PATH": str(self.runs / "logs"),
        }

    def step(self, name: str, arguments: list[str], warehouse: Path) -> Measured:
        """Run one step in a process of its own and keep what was measured."""
        result = run_measured(name, arguments, self.variables(warehouse), self.folder / "output.log")
        self.measured.append(result)
        self.say(f"{name}: {result.seconds:.1f} s, {result.cpu_seconds:.1f} s of CPU, {gib(result.peak_bytes)} GiB")
        return result

    def load(self, files: BatchFiles, warehouse: Path) -> None:
        """`settle load` of the two files of a day."""
        day = files.batch_date.isoformat()
        for dataset, path in (("orders", files.orders), ("payments", files.payments)):
            arguments = ["-m", "settle", "load", dataset, str(path), "--batch-date", day]
            self.step(f"{LOAD} {dataset}", arguments, warehouse)

    def build(self, name: str, warehouse: Path, *arguments: str) -> None:
        """`dbt build` of everything that is loaded."""
        self.step(name, ["-m", "settle.bench.child", "build", "build", *arguments], warehouse)

    def parse(self, warehouse: Path) -> None:
        """dbt reads the project: once for a warehouse, and again when models or configuration files change."""
        self.step(PARSE, ["-m", "settle.bench.child", "build", "parse"], warehouse)

    def script(self, files: BatchFiles, database: Path) -> None:
        """The hand-written script on a new DuckDB file, with the engine options of the profile."""
        paths = [str(path) for path in (database, files.orders, files.payments, self.config)]
        self.step(SCRIPT, ["-m", "settle.bench.child", "script", *paths, self.engine_options(database)], database)

    def engine_options(self, database: Path) -> str:
        """The engine options of the shipped profile as JSON; what spills goes into this run's folder."""
        output = Settings.from_environment({**os.environ, **self.variables(database)}).connection()
        spill = self.runs / "spill"
        spill.mkdir(parents=True, exist_ok=True)
        options = {**output.get("config_options", {}), **output.get("settings", {}), "temp_directory": str(spill)}
        return json.dumps(options)


def run_day(bench: Bench, repeat: int) -> None:
    """Measure the script and the warehouse in turns, `repeat` times each, and compare their totals each time.

    Raises SettleError when the totals differ from each other or from what the generator knows.
    """
    bench.prepare()
    files = bench.files[0]
    for turn in range(repeat):
        bench.empty_runs()
        database, warehouse, tested = (bench.runs / f"{name}.duckdb" for name in ("script", "warehouse", "tested"))
        if turn % 2 == 0:
            bench.script(files, database)
        bench.load(files, warehouse)
        shutil.copyfile(warehouse, tested)
        bench.parse(warehouse)
        bench.build(BUILD, warehouse, *WITHOUT_TESTS)
        if turn % 2 == 1:
            bench.script(files, database)
        bench.parse(tested)
        bench.build(BUILD_TESTED, tested)
        bench.build(BUILD_IDLE, tested)
        bench.totals = totals_of(database, SCRIPT_TOTALS)
        found = totals_of(warehouse, WAREHOUSE_TOTALS)
        wrong = [f"script and warehouse: {line}" for line in differences(bench.totals, found)]
        known = known_totals(bench.data / "answers.json", files.batch_date)
        wrong += [
            f"known and warehouse: {line}"
            for line in differences(known, {name: found[name] for name in known if name in found})
        ]
        if wrong:
            raise SettleError("the totals differ:\n" + "\n".join(wrong))
        bench.say(f"totals agree: {len(found)} of the warehouse with the script's, {len(known)} with the known ones")


def run_clearing(bench: Bench, repeat: int) -> None:
    """Measure the clearing part of the build for each shape of a day, and of the script where it knows the shape.

    The script knows shares on two levels; their totals are compared. Redistribution stands beside the plain ratio with
    the same bearers. Raises SettleError when totals differ.
    """
    bench.prepare()
    for shape in Shape:
        write_config(bench.spec.orders, replace(bench, shape=shape).config, shape)
    files = bench.files[0]
    for _ in range(repeat):
        bench.empty_runs()
        loaded, warehouse, database = (bench.runs / f"{name}.duckdb" for name in ("loaded", "warehouse", "script"))
        bench.shape = Shape.PLAIN
        bench.load(files, loaded)
        for shape in (Shape.LEVELS, Shape.RATIO, Shape.REDISTRIBUTE):
            bench.shape = shape
            shutil.copyfile(loaded, warehouse)
            bench.build(f"{BUILD}, {shape}", warehouse, *WITHOUT_TESTS)
            if shape == Shape.LEVELS:
                bench.script(files, database)
                bench.totals = totals_of(database, SCRIPT_TOTALS)
                wrong = differences(bench.totals, totals_of(warehouse, WAREHOUSE_TOTALS))
                if wrong:
                    raise SettleError("the totals of script and warehouse differ:\n" + "\n".join(wrong))


def clearing_seconds(step: Measured) -> float:
    """The seconds that a build or the script spent on numbering, billing and allocation."""
    groups = step.details.get("group_seconds")
    if groups is None:
        return sum(float(step.details[name]) for name in CLEARING_STATEMENTS)
    return sum(float(groups.get(name, 0.0)) for name in CLEARING_MODELS)


def run_batches(bench: Bench) -> None:
    """Load and build one day after the other in one warehouse, then once more with nothing to do."""
    bench.prepare()
    warehouse = bench.runs / "warehouse.duckdb"
    for number, files in enumerate(bench.files, start=1):
        before = len(bench.measured)
        bench.load(files, warehouse)
        bench.build(BUILD, warehouse, *WITHOUT_TESTS)
        steps = bench.measured[before:]
        bench.say(f"{BATCH} {number} ({files.batch_date}): {sum(step.seconds for step in steps):.2f} s")
    bench.build("first build with tests", warehouse)
    bench.build(BUILD_IDLE, warehouse)


def batch_seconds(measured: list[Measured], what: str = "seconds") -> list[float]:
    """The seconds of each batch (two loads and a build), in order; `what` may be cpu_seconds."""
    steps = [step for step in measured if step.step.startswith(LOAD) or step.step == BUILD]
    return [sum(getattr(step, what) for step in steps[start : start + 3]) for start in range(0, len(steps), 3)]


def medians(measured: list[Measured], what: str = "seconds") -> dict[str, float]:
    """Median seconds of each step over the turns; `load` is the sum of its datasets. `what` may be cpu_seconds."""
    by_step: dict[str, list[float]] = {}
    for step in measured:
        by_step.setdefault(step.step, []).append(getattr(step, what))
    found = {name: statistics.median(values) for name, values in by_step.items()}
    found[LOAD] = sum(seconds for name, seconds in found.items() if name.startswith(f"{LOAD} "))
    return found


def machine() -> dict[str, str | int]:
    """What the figures were measured on."""
    return {
        "cores": os.cpu_count() or 0,
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "duckdb": duckdb.__version__,
        "load_average": " ".join(f"{value:.2f}" for value in os.getloadavg()),
    }


def gib(count: int) -> str:
    """Bytes as GiB with two decimals."""
    return f"{count / 2**30:.2f}"
