"""The marts against the oracle, row by row, on random worlds: files written, loaded, built and compared."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from settle.dbt import run_dbt
from settle.load.batches import batch_of
from settle.load.loader import FileJob, LoadReport, Rejecting, load_files
from settle.output import SilentReporter
from settle.settings import Settings
from settle.warehouse import open_warehouse
from tests.oracle.compare import FULL_MARTS, compare_worlds
from tests.oracle.world import World
from tests.oracle.worlds import calendar, make_world, with_late_lines, write_config, write_files
from tests.rules.warehouse import write_decisions

WORLDS_TOGETHER = 10
CAMPAIGN_WAREHOUSES, CAMPAIGN_WORLDS = 25, 40
MOST_SHOWN = 30


def worlds_of(first_seed: int, count: int) -> list[World]:
    """Consecutive seeds on the dates that the first one chooses: all of clearing, and lines that come too late."""
    dates = calendar(first_seed)
    return [with_late_lines(make_world(seed, dates, full=True)) for seed in range(first_seed, first_seed + count)]


def differences(base: Settings, worlds: list[World], with_tests: bool, has_late_lines: bool = True) -> list[str]:
    """Write, load and build worlds in a new warehouse in place of the one of `base`, and compare it with the oracle."""
    here = replace(base, config_dir=base.warehouse_path.parent / "config")
    here.warehouse_path.unlink(missing_ok=True)
    # Calendar and currencies come from the shipped tables; the oracle has its own calendar, from the library.
    write_config(worlds, here.config_dir, leave_out=["business_days", "currencies"])
    with TemporaryDirectory(prefix="settle-worlds-") as folder:
        load(here, worlds, Path(folder), has_late_lines)
    left_out = [] if with_tests else ["--exclude-resource-type", "test", "unit_test"]
    # Blocks of two lines: runs of grants are cut where a world of a day would never be.
    outcome = run_dbt(here, ["build", "--vars", "fees_per_block: 200", *left_out], show_progress=False)
    assert outcome.success, f"worlds {[world.seed for world in worlds]}: " + "\n".join(outcome.failures)
    return differences_in(here, worlds)


def differences_in(here: Settings, worlds: list[World]) -> list[str]:
    """What the marts of a warehouse that holds only these worlds say otherwise than the oracle."""
    with open_warehouse(here, read_only=True) as warehouse:
        return compare_worlds(worlds, warehouse.execute, here.schema_prefix, FULL_MARTS)


def load(here: Settings, worlds: list[World], folder: Path, has_late_lines: bool = False) -> None:
    """Open every batch, also one in which nothing arrives, and load the files into them.

    Only order lines may be rejected; with `has_late_lines` some must be.
    """
    with open_warehouse(here) as warehouse:
        warehouse.ensure_raw_tables()
        for batch in worlds[0].batches:
            with warehouse.transaction():
                batch_of(warehouse, batch.batch_date)
    reports: list[LoadReport] = []
    for day, dataset, path in write_files(worlds, folder):
        load_files(here, [FileJob(dataset, path, "canonical")], day, Rejecting(), SilentReporter(), reports)
    late = 0
    for report in reports:
        if report.dataset == "order_lines":
            late += report.counts.rejected
        else:
            assert report.counts.rejected == 0, report.summary()
    assert late or not has_late_lines, "no line came too late"
    write_decisions(here, worlds)


def assert_none(found: list[str], worlds: list[World]) -> None:
    """Fail with the first differences; `worlds_of(first_seed, count)` makes the worlds again."""
    shown = "\n".join(found[:MOST_SHOWN])
    assert not found, f"{len(found)} differences in worlds {worlds[0].seed} to {worlds[-1].seed}:\n{shown}"


@settings(
    derandomize=True,
    deadline=None,
    max_examples=1,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(first_seed=st.integers(1, 10**6))
def test_oracle_agrees(home: Settings, first_seed: int) -> None:
    """Twenty more worlds agree on both engines in tests/warehouse/test_parity.py."""
    worlds = worlds_of(first_seed, WORLDS_TOGETHER)
    assert_none(differences(home, worlds, with_tests=False), worlds)


@pytest.mark.campaign
@pytest.mark.parametrize("number", range(CAMPAIGN_WAREHOUSES))
def test_oracle_agrees_on_many_worlds(home: Settings, number: int) -> None:
    first_seed = 1 + number * CAMPAIGN_WORLDS
    print(f"worlds with the seeds {first_seed} to {first_seed + CAMPAIGN_WORLDS - 1}")
    worlds = worlds_of(first_seed, CAMPAIGN_WORLDS)
    assert_none(differences(home, worlds, with_tests=True), worlds)
