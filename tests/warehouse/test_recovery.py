"""Killed, crossed or out of room: what was built stays, nothing is half there, and the next run ends the same."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from settle.cli import app
from settle.dbt import state_folder
from settle.settings import Settings
from settle.standing import batch_models
from settle.warehouse import open_warehouse
from tests.warehouse.company import CHECKOUT, DAYS, Demo, build, load_days, start
from tests.warehouse.marts import assert_same, mart_rows

BATCHES = len(DAYS)
LONGEST = 120.0
# What dbt's log says when a step starts, and how many commits of that step to let pass before the kill: the first one
# makes the table, and the first model of all also closes each batch in a commit of its own.
MOMENTS = {
    "while the configuration loads": ("START seed file config_defaults.business_days", 0),
    "in the pairing": ("START sql batch_by_batch model reconciliation_internal.int_reconciliation__pairs", 6),
    "in the allocation": ("START sql batch_by_batch model clearing_internal.int_clearing__grants", 5),
    "in the bills": ("START sql batch_by_batch model settlement_internal.int_settlement__bills_netted", 4),
    "while the last views are made": ("START sql view model settlement.fct_settlement_bills", 0),
}


def wait_for(what: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait until something is so; fails when the process ends before."""
    end = time.monotonic() + LONGEST
    while not what():
        if process.poll() is not None:
            out, err = process.communicate()
            raise AssertionError(f"it ended with {process.returncode} before its moment came:\n{out}\n{err}")
        assert time.monotonic() < end, "its moment never came"
        time.sleep(0.001)


def wait_for_log(settings: Settings, process: subprocess.Popen[str], text: str) -> None:
    log = state_folder(settings) / "logs" / "dbt.log"
    wait_for(lambda: log.exists() and text in log.read_text(encoding="utf-8", errors="replace"), process)


def wait_for_commits(settings: Settings, process: subprocess.Popen[str], commits: int) -> None:
    """Each commit makes DuckDB's write-ahead log longer; the file itself cannot be read meanwhile."""
    log = Path(f"{settings.warehouse_path}.wal")

    def size() -> int:
        with suppress(FileNotFoundError):
            return log.stat().st_size
        return 0

    def has_grown(before: int) -> Callable[[], bool]:
        return lambda: size() > before

    for _ in range(commits):
        wait_for(has_grown(size()), process)


def kill(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "it had ended before it was killed"


def half_built(settings: Settings) -> dict[str, int]:
    """Models that have built some of their batches and not all: (name, batches built)."""
    with open_warehouse(settings) as warehouse:
        marks = warehouse.execute(
            f"select model_name, count(*) from {warehouse.schema('meta')}.model_batches group by model_name"
        )
    return {str(name): int(count) for name, count in marks if count < BATCHES}


def assert_whole_batches(settings: Settings) -> None:
    """A table holds rows of exactly the batches that are marked for it: of the one that was cut off, nothing."""
    with open_warehouse(settings) as warehouse:
        for model in batch_models(settings.project_dir):
            where = warehouse.execute(
                "select table_schema from information_schema.tables where table_name = ?", (model,)
            )
            if where:
                extra = warehouse.execute(
                    f"select distinct batch_id from {where[0][0]}.{model} where batch_id not in "
                    f"(select batch_id from {warehouse.schema('meta')}.model_batches where model_name = ?)",
                    (model,),
                )
                assert not extra, f"{model} holds rows of batches that are not marked: {extra}"


def test_killed_at_five_moments_and_run_again_each_time(loaded: Settings, demo: Demo) -> None:
    for moment, (text, commits) in MOMENTS.items():
        (state_folder(loaded) / "logs" / "dbt.log").unlink(missing_ok=True)
        process = start(loaded, "run", "--no-tests")
        wait_for_log(loaded, process, text)
        wait_for_commits(loaded, process, commits)
        kill(process)
        half = half_built(loaded)
        print(f"{moment}: died {'in ' + str(half) if half else 'between models'}")
        if commits:
            # These moments lie in the middle of a model: some of its batches are there, the others are not.
            model = text.rsplit(".", 1)[1]
            assert 0 < half[model] < BATCHES
        assert_whole_batches(loaded)
    build(loaded)
    assert_same(demo.marts, mart_rows(loaded))


def test_killed_while_it_builds_on_postgresql(postgres_home: Settings, demo: Demo) -> None:
    load_days(postgres_home, demo.files)
    process = start(postgres_home, "run", "--no-tests")
    with open_warehouse(postgres_home, read_only=True) as warehouse:
        mark = "select count(*) from meta.model_batches where model_name = 'int_clearing__grants'"
        wait_for(lambda: warehouse.execute(mark)[0][0] >= 3, process)
        kill(process)
        # The server ends what the killed client had asked for before it notices; only then its lock is free.
        sessions = (
            "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        )
        end = time.monotonic() + LONGEST
        while warehouse.execute(sessions)[0][0]:
            assert time.monotonic() < end, "the killed run's sessions stay"
            time.sleep(0.05)
    half = half_built(postgres_home)
    print(f"died in {half}")
    assert 3 <= half["int_clearing__grants"] < BATCHES
    assert_whole_batches(postgres_home)
    build(postgres_home)
    assert_same(demo.marts, mart_rows(postgres_home))


def test_two_runs_at_once(loaded: Settings, demo: Demo) -> None:
    """The first is held still in the middle of its work, so that the second surely meets it."""
    (state_folder(loaded) / "logs" / "dbt.log").unlink(missing_ok=True)
    first = start(loaded, "run", "--no-tests")
    wait_for_log(loaded, first, "START sql batch_by_batch model")
    os.kill(first.pid, signal.SIGSTOP)
    try:
        second = start(loaded, "run", "--no-tests")
        _, told = second.communicate(timeout=LONGEST)
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert second.returncode == 3, told
    assert f"the warehouse is locked by process {first.pid} (" in told
    assert "try again" in told
    out, err = first.communicate(timeout=LONGEST)
    assert first.returncode == 0, out + err
    assert_same(demo.marts, mart_rows(loaded))


def test_two_runs_at_once_on_postgresql(postgres_home: Settings, demo: Demo) -> None:
    load_days(postgres_home, demo.files, DAYS[:2], ["orders"])
    first = start(postgres_home, "run", "--no-tests")
    with open_warehouse(postgres_home, read_only=True) as warehouse:
        wait_for(lambda: warehouse.execute("select count(*) from meta.model_batches")[0][0] >= 1, first)
        os.kill(first.pid, signal.SIGSTOP)
        try:
            second = start(postgres_home, "run", "--no-tests")
            _, told = second.communicate(timeout=LONGEST)
        finally:
            os.kill(first.pid, signal.SIGCONT)
    assert second.returncode == 3, told
    assert "the warehouse is being loaded by server process" in told
    out, err = first.communicate(timeout=LONGEST)
    assert first.returncode == 0, out + err
    with open_warehouse(postgres_home) as warehouse:
        twice = warehouse.execute("select 1 from meta.model_batches group by model_name, batch_id having count(*) > 1")
    assert not twice


LINES = 300_000


@pytest.fixture(scope="module")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of orders that takes a while to load."""
    path = tmp_path_factory.mktemp("large") / "orders_large.csv"
    header = "order_no,order_type,product_code,participant_id,channel_code,currency,amount,status,ordered_at\n"
    with path.open("w", encoding="utf-8") as file:
        file.write(header)
        file.writelines(
            # Numbers that do not compress, so that a small disk is full.
            f"{hashlib.md5(str(line).encode()).hexdigest()},sale,RETAIL,M001,ALIPAY,CNY,"
            f"{line % 9000 + 1}.{line % 100:02},success,2026-01-05T10:00:00+08:00\n"
            for line in range(LINES)
        )
    return path


def held(settings: Settings) -> tuple[int, int]:
    """Files in the ledger and orders in the warehouse."""
    with open_warehouse(settings) as warehouse:
        warehouse.ensure_raw_tables()
        counted = warehouse.execute("select (select count(*) from raw.load_files), (select count(*) from raw.orders)")
    return int(counted[0][0]), int(counted[0][1])


def test_killed_while_it_loads(home: Settings, large_file: Path) -> None:
    """While it writes the rows; then again when the rows are written and the file is being put into the archive."""
    for moment in ("rows", "archive"):
        process = start(home, "load", "orders", str(large_file), "--batch-date", "2026-01-05")
        if moment == "rows":
            assert process.stderr is not None
            said = iter(process.stderr.readline, "")
            assert any(line.startswith("loading ") for line in said), "the load never began to write"
            time.sleep(0.1)
        else:
            wait_for(lambda: any(path.is_file() for path in home.archive_dir.rglob("*")), process)
        kill(process)
        assert held(home) == (0, 0), f"half loaded, killed in the {moment}"
    last = start(home, "load", "orders", str(large_file), "--batch-date", "2026-01-05")
    out, err = last.communicate(timeout=LONGEST)
    assert last.returncode == 0, err
    assert f"{LINES} rows read = {LINES} loaded" in out
    assert held(home) == (1, LINES)


# Runs in a mount namespace of its own: the small file system is gone with the last process that sees it.
ON_A_SMALL_DISK = """
set -u
mount -t tmpfs -o size=4m settle "$DISK" || exit 99
python() { "$PYTHON" -m settle "$@"; }
python load orders "$FILE" --batch-date 2026-01-05; echo "first load: $?"
mount -o remount,size=400m "$DISK"
"$PYTHON" -c "
from settle.settings import Settings
from tests.warehouse.test_recovery import held
print('held:', *held(Settings.from_environment()))"
python load orders "$FILE" --batch-date 2026-01-05; echo "second load: $?"
"""


def may_mount() -> list[str] | None:
    """The command that gives us mounts of our own: as root, or as a user who may be root of a name space; else none."""
    for command in (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"]):
        with suppress(FileNotFoundError):
            probe = subprocess.run(
                [*command, "mount", "-t", "tmpfs", "settle", "/mnt"], capture_output=True, check=False
            )
            if probe.returncode == 0:
                return command
    return None


@pytest.mark.parametrize("full", ["warehouse", "archive"])
def test_a_full_disk_while_it_loads(
    full: str, home: Settings, large_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a real file system that is too small; where none may be mounted, with the error that it would give."""
    command = may_mount()
    if command is None:
        print("no mounts here: the full disk is played")
        played_full_disk(home, large_file, monkeypatch)
        return
    disk = home.warehouse_path.parent / "disk"
    disk.mkdir()
    here = replace(home, archive_dir=disk / "archive")
    if full == "warehouse":
        here = replace(home, warehouse_path=disk / "warehouse.duckdb")
    own = {"DISK": str(disk), "FILE": str(large_file), "PYTHON": sys.executable, "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(
        [*command, "bash", "-c", ON_A_SMALL_DISK],
        env={**os.environ, **here.environment(), **own},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    said = done.stdout + done.stderr
    assert "first load: 3" in said, said
    assert "there is no room left on the disk" in said
    assert "nothing is half done" in said
    assert "held: 0 0" in said, said
    assert "second load: 0" in said, said
    assert f"{LINES} rows read = {LINES} loaded" in said


def played_full_disk(home: Settings, large_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing to the archive fails as it does on a full disk, after the rows have been written."""

    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("settle.load.loader.archive_source", full)
        refused = CliRunner().invoke(app, ["load", "orders", str(large_file), "--batch-date", "2026-01-05"])
    assert refused.exit_code == 3, refused.output
    assert "there is no room left on the disk" in refused.stderr
    assert held(home) == (0, 0)
    taken = CliRunner().invoke(app, ["load", "orders", str(large_file), "--batch-date", "2026-01-05"])
    assert taken.exit_code == 0, taken.output
    assert held(home) == (1, LINES)
