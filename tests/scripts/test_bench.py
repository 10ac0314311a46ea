"""The benchmark: what it measures, the hand-written script it compares with, and the figures it makes."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from settle.bench.child import run_script
from settle.bench.measure import Measured, run_measured
from settle.bench.report import batch_figures, clearing_figures, day_figures
from settle.bench.run import (
    BUILD,
    BUILD_IDLE,
    BUILD_TESTED,
    CLEARING_STATEMENTS,
    PARSE,
    SCRIPT,
    Bench,
    batch_seconds,
    medians,
    run_batches,
    run_clearing,
)
from settle.bench.totals import SCRIPT_TOTALS, differences, known_totals, totals_of
from settle.cli import app
from settle.errors import InputError, SettleError, TryAgainError
from settle.generate.reference_config import Shape, write_config
from settle.generate.reference_day import DaySpec, make_reference_days
from settle.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]
CALENDAR = PROJECT / "seeds" / "packages" / "defaults" / "seeds" / "business_days.csv"
ORDERS = 4_000
MIB = 2**20


def a_step(name: str, seconds: float, cpu: float = 1.0, peak: int = MIB) -> Measured:
    return Measured(name, seconds, cpu, peak)


def test_a_child_is_measured_alone_with_its_peak_and_its_report(tmp_path: Path) -> None:
    code = "block = bytearray(200 * 2**20); block[::4096] = b'x' * len(block[::4096]); print('{\"found\": 7}')"
    own = bytearray(300 * MIB)
    own[::4096] = b"x" * len(own[::4096])
    big = run_measured("big", ["-c", code], {}, tmp_path / "log")
    small = run_measured("small", ["-c", "print('hello')"], {}, tmp_path / "log")
    assert big.details == {"found": 7}
    assert big.peak_bytes > 200 * MIB
    assert small.peak_bytes < 100 * MIB, "what this process or an earlier child holds must not count"
    assert small.seconds > 0
    assert small.details == {}


def test_a_child_sees_the_variables_it_is_given(tmp_path: Path) -> None:
    code = "import json, os; print(json.dumps({'seen': os.environ['SETTLE_TARGET']}))"
    assert run_measured("env", ["-c", code], {"SETTLE_TARGET": "elsewhere"}, tmp_path / "log").details == {
        "seen": "elsewhere"
    }


@pytest.mark.parametrize(("code", "error"), [(1, SettleError), (2, InputError), (3, TryAgainError)])
def test_a_failing_step_raises_the_error_of_its_exit_code_with_its_last_lines(
    tmp_path: Path, code: int, error: type[SettleError]
) -> None:
    with pytest.raises(error, match=rf"(?s)the step 'load' ended with {code}.*why it failed") as found:
        run_measured("load", ["-c", f"print('why it failed'); raise SystemExit({code})"], {}, tmp_path / "log")
    assert type(found.value) is error


@pytest.fixture(scope="module")
def script_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_reference(tmp_path_factory.mktemp("script"), Shape.PLAIN)


def run_reference(folder: Path, shape: Shape) -> Path:
    (files,) = make_reference_days(DaySpec(orders=ORDERS), folder / "day", CALENDAR)
    write_config(ORDERS, folder / "day" / "config", shape)
    database = folder / "script.duckdb"
    run_script(database, files.orders, files.payments, folder / "day" / "config", {})
    return database


def test_the_script_gives_the_totals_that_the_generator_knows(script_file: Path) -> None:
    (files,) = make_reference_days(DaySpec(orders=ORDERS), script_file.parent / "day", CALENDAR)
    found = totals_of(script_file, SCRIPT_TOTALS)
    known = known_totals(script_file.parent / "day" / "answers.json", files.batch_date)
    assert {name: found[name] for name in known} == known
    assert len(found) == 20


Grants = list[tuple[int, str, str, int, int | None]]


def fees_by_hand(day: Path) -> list[tuple[int, str, int]]:
    """The fees of the day by a plain loop in clearing order: number, allocation rule, fee."""
    with duckdb.connect() as connection:
        rules = connection.execute(f"""
            select models.product_code, rules.ppm, coalesce(rules.fixed_minor, 0), rules.allocation_rule_code
            from read_csv('{day}/config/billing_rules.csv', types = {{'fixed_minor': 'bigint'}}) as rules
            join read_csv('{day}/config/settlement_models.csv') as models on models.billing_rule_codes = rules.rule_code
        """).fetchall()
        orders = connection.execute(f"""
            select product_code, cast(amount * 100 as bigint) from '{day}/orders_*.parquet'
            where status = 'success' order by ordered_at, order_no
        """).fetchall()
    prices = {product: (ppm, fixed, code) for product, ppm, fixed, code in rules}
    found = []
    for number, (product, amount) in enumerate(orders, start=1):
        ppm, fixed, code = prices[product]
        found.append((number, code, int(Fraction(amount * ppm, 1_000_000) + fixed + Fraction(1, 2))))
    return found


def grants_by_hand(day: Path, amounts: list[tuple[int, str, int]], level: int) -> Grants:
    """Grants of a level by a plain loop over amounts in clearing order: number, rule, bearer, granted, accumulated."""
    with duckdb.connect() as connection:
        bearers = connection.execute(f"""
            select allocation_rule_code, bearer, ppm, cast(cap_minor as bigint)
            from read_csv('{day}/config/allocation_bearers.csv') where level = {level}
            order by allocation_rule_code, priority
        """).fetchall()
    shares = defaultdict(list)
    for code, bearer, ppm, cap in bearers:
        shares[code].append((bearer, ppm, cap))
    accumulated: dict[tuple[str, str], int] = defaultdict(int)
    found: Grants = []
    for number, code, fee in amounts:
        parts = [fee * share // 1_000_000 for _, share, _ in shares[code]]
        rests = sorted(range(3), key=lambda place: (-(fee * shares[code][place][1] % 1_000_000), place))
        for place in rests[: fee - sum(parts)]:
            parts[place] += 1
        left = fee
        for (bearer, _, cap), demand in zip(shares[code], parts, strict=True):
            if cap is None:
                found.append((number, code, bearer, left, None))
                continue
            granted = min(demand, cap - accumulated[(code, bearer)])
            accumulated[(code, bearer)] += granted
            left -= granted
            found.append((number, code, bearer, granted, accumulated[(code, bearer)]))
    return found


def grants_found(database: Path, table: str) -> Grants:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(f"""
            select clearing_seq, allocation_rule_code, bearer, granted_minor, accumulated_minor from {table}
        """).fetchall()


def bound(grants: Grants) -> set[tuple[str, str]]:
    """Rule and bearer of the caps that were reached within the day."""
    return {(rule, bearer) for number, rule, bearer, granted, now in grants if granted == 0 and now and number > 1000}


def test_the_script_grants_what_a_plain_loop_grants_to_the_unit(script_file: Path) -> None:
    day = script_file.parent / "day"
    found = grants_found(script_file, "grants")
    assert sorted(found, key=str) == sorted(grants_by_hand(day, fees_by_hand(day), 1), key=str)
    assert len(bound(found)) == 4, "the caps of two rules must bind, else the comparison shows nothing"
    assert grants_found(script_file, "grants_below") == []


def test_the_script_shares_on_two_levels_as_a_plain_loop_does(tmp_path: Path) -> None:
    database = run_reference(tmp_path, Shape.LEVELS)
    found = grants_found(database, "grants")
    assert sorted(found, key=str) == sorted(
        grants_by_hand(tmp_path / "day", fees_by_hand(tmp_path / "day"), 1), key=str
    )
    amounts = [
        (number, rule, granted) for number, rule, bearer, granted, _ in sorted(found, key=str) if bearer == "platform"
    ]
    below = grants_found(database, "grants_below")
    expected = grants_by_hand(tmp_path / "day", sorted(amount for amount in amounts if amount[2] > 0), 2)
    assert sorted(below, key=str) == sorted(expected, key=str)
    assert len(bound(found)) == 40
    assert len(bound(below)) >= 35, "caps below must bind too"


def test_totals_that_differ_or_are_absent_are_named() -> None:
    assert differences({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}) == ["b: 2 and 3", "c: absent and 4"]
    assert differences({"a": 1}, {"a": 1}) == []


def test_the_ratio_is_of_medians_and_counts_load_and_build() -> None:
    measured = []
    for script, build in ((10.0, 12.0), (20.0, 14.0), (11.0, 90.0)):
        measured += [a_step(SCRIPT, script), a_step("load orders", 3.0), a_step("load payments", 5.0)]
        measured += [a_step(PARSE, 2.2), a_step(BUILD, build, peak=5 * MIB)]
        measured += [a_step(BUILD_TESTED, 30.0), a_step(BUILD_IDLE, 4.0)]
    assert medians(measured)["load"] == 8.0
    figures = day_figures(measured, 1_000)
    assert figures["ratios"]["wall"] == (8.0 + 14.0) / 11.0
    assert figures["ratios_with_first_parse"]["wall"] == pytest.approx((8.0 + 2.2 + 14.0) / 11.0)
    assert figures["peak_bytes"] == 5 * MIB
    assert figures["lines"][-2] == "(load + build) / script: 2.00 in wall seconds, 3.00 in CPU seconds"


def test_clearing_alone_is_its_models_beside_the_statements_of_the_script() -> None:
    statements = dict.fromkeys(CLEARING_STATEMENTS, 1.5) | {"create table orders as": 99.0}
    measured = [replace(a_step(SCRIPT, 1.0), details=statements)]
    for shape, seconds in ((Shape.LEVELS, 9.0), (Shape.RATIO, 5.0), (Shape.REDISTRIBUTE, 10.0)):
        groups = {"intermediate/clearing": seconds - 1, "marts/clearing": 1.0, "marts/quality": 99.0}
        measured.append(replace(a_step(f"{BUILD}, {shape}", 1.0), details={"group_seconds": groups}))
    assert clearing_figures(measured)["ratios"] == {"levels / script": 1.5, "redistribute / ratio": 2.0}


def test_each_shape_is_built_from_the_same_load_with_its_own_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(Settings.from_environment(), DaySpec(orders=50), tmp_path, lambda text: None)
    built: list[str] = []

    def step(self: Bench, name: str, arguments: list[str], warehouse: Path) -> Measured:
        warehouse.touch()
        built.append(f"{name}: {self.variables(warehouse)['SETTLE_CONFIG'].rsplit('/', 1)[1]}")
        return a_step(name, 1.0)

    monkeypatch.setattr(Bench, "step", step)
    monkeypatch.setattr("settle.bench.run.totals_of", lambda database, queries: {"orders cleared": len(database.name)})
    with pytest.raises(SettleError, match="orders cleared: 13 and 16"):
        run_clearing(bench, 1)
    monkeypatch.setattr("settle.bench.run.totals_of", lambda database, queries: {"orders cleared": 1})
    built.clear()
    run_clearing(bench, 1)
    assert built == [
        "load orders: config",
        "load payments: config",
        "build, levels: config-levels",
        "script: config-levels",
        "build, ratio: config-ratio",
        "build, redistribute: config-redistribute",
    ]


def test_a_batch_is_its_two_loads_and_its_build() -> None:
    measured = [
        step
        for number in range(1, 9)
        for step in (a_step("load orders", 1.0), a_step("load payments", 1.0), a_step(BUILD, float(number)))
    ]
    measured += [a_step("first build with tests", 99.0), a_step(BUILD_IDLE, 5.0)]
    assert batch_seconds(measured) == [3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]
    figures = batch_figures(measured)
    assert figures["ratio_wall"] == 10.0 / 4.0
    assert figures["ratio_wall_medians"] == 9.0 / 5.0
    assert figures["idle_seconds"] == 5.0


def test_batches_are_loaded_and_built_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(Settings.from_environment(), DaySpec(orders=50, batches=3), tmp_path, lambda text: None)
    calls: list[str] = []

    def step(self: Bench, name: str, arguments: list[str], warehouse: Path) -> Measured:
        calls.append(" ".join([name, *arguments[-1:]]))
        self.measured.append(a_step(name, 1.0))
        return self.measured[-1]

    monkeypatch.setattr(Bench, "step", step)
    run_batches(bench)
    per_batch = [(f"load orders {day}", f"load payments {day}", f"{BUILD} unit_test") for day in days_of(bench)]
    assert calls == [
        *(call for batch in per_batch for call in batch),
        "first build with tests build",
        f"{BUILD_IDLE} build",
    ]


def days_of(bench: Bench) -> list[str]:
    return [files.batch_date.isoformat() for files in bench.files]


def test_the_days_are_made_once_and_the_warehouses_are_emptied(tmp_path: Path) -> None:
    bench = Bench(Settings.from_environment(), DaySpec(orders=50), tmp_path, lambda text: None)
    bench.prepare()
    made = bench.files[0].orders.stat().st_mtime_ns
    (bench.runs / "old.duckdb").write_text("")
    bench.prepare()
    assert bench.files[0].orders.stat().st_mtime_ns == made
    assert not (bench.runs / "old.duckdb").exists()
    (bench.data / "answers.json").unlink()
    bench.prepare()
    assert bench.files[0].orders.stat().st_mtime_ns > made, "half-made data must be made again"


def test_the_command_runs_script_and_warehouse_and_finds_equal_totals(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    arguments = ["bench", "--orders", "3000", "--dir", str(tmp_path / "bench"), "--json", str(report)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "(load + build) / script:" in result.output
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    assert [step["step"] for step in found["measured"]] == [
        SCRIPT,
        "load orders",
        "load payments",
        PARSE,
        BUILD,
        PARSE,
        BUILD_TESTED,
        BUILD_IDLE,
    ]
    assert found["totals"]["orders cleared"] > 2_800
    assert found["machine"]["cores"] >= 1


def test_what_does_not_fit_into_memory_goes_to_the_folder_of_the_run(duckdb_settings: Settings, tmp_path: Path) -> None:
    """The profile's own spill folder is relative; 50 million orders ended the benchmark for want of it."""
    bench = Bench(Settings.from_environment(), DaySpec(orders=50), tmp_path / "bench", lambda text: None)
    bench.config.mkdir(parents=True)
    bench.empty_runs()
    options = json.loads(bench.engine_options(bench.runs / "script.duckdb"))
    assert options["temp_directory"] == str(bench.runs / "spill") and (bench.runs / "spill").is_dir()
    assert options["memory_limit"] == "5GB"
