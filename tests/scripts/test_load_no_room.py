"""A file that the system does not let grow further is a full disk: told as such, exit 3, and nothing is half done."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys

import duckdb
import pytest

from settle.errors import TryAgainError
from settle.settings import Settings
from settle.warehouse import open_warehouse
from tests.scripts.loading import GOOD_ORDER, ORDER_HEADER, counts, load, loaded, refused, write

TOLD = "there is no room left on the disk ({}). The file was not loaded, nothing is half done. Make room, try again."


def with_largest_file(size: int, *words: str) -> subprocess.CompletedProcess[str]:
    """`settle load` where no file may grow beyond `size` bytes (`ulimit -f`)."""
    return subprocess.run(
        [sys.executable, "-m", "settle", "load", *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("size", [100_000, 1_000_000])
def test_a_warehouse_that_may_not_grow_is_a_full_disk(duckdb_settings: Settings, size: int) -> None:
    write("orders.csv", ORDER_HEADER, *(GOOD_ORDER.replace("A1", f"A{number * 7919}") for number in range(100_000)))
    done = with_largest_file(size, "orders", "orders.csv", "--batch-date", "2026-01-05")
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert "there is no room left on the disk (" in done.stderr
    assert "File too large" in done.stderr
    assert counts(duckdb_settings) == (0, 0, 0)
    assert "100000 loaded" in loaded("orders", "orders.csv", "--batch-date", "2026-01-05")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_an_archive_that_takes_no_more_is_a_full_disk(
    any_settings: Settings, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise OSError(number, os.strerror(number))

    write("orders.csv", ORDER_HEADER, GOOD_ORDER)
    with monkeypatch.context() as patch:
        patch.setattr("settle.load.loader.archive_source", full)
        assert refused("orders", "orders.csv", code=3) == TOLD.format(os.strerror(number))
    assert counts(any_settings) == (0, 0, 0)
    assert load("orders", "orders.csv").exit_code == 0


@pytest.mark.parametrize("size", [0, 100, 8_192])
def test_a_new_warehouse_without_room_for_its_first_bytes_is_a_full_disk_and_no_file_stays(
    duckdb_settings: Settings, size: int
) -> None:
    """A file that holds less than DuckDB's own headers would be refused as damaged when there is room again."""
    write("orders.csv", ORDER_HEADER, GOOD_ORDER)
    done = with_largest_file(size, "orders", "orders.csv", "--batch-date", "2026-01-05")
    path = duckdb_settings.warehouse_path
    assert done.stderr.replace("\n", "") == (
        f"{path}: there is no room left on the disk for the warehouse (IO Error: Could not write file "
        f'"{path}": File too large). Nothing was changed. Make room or name another --warehouse FILE, then try again.'
    )
    assert done.returncode == 3
    assert not path.exists()
    assert "1 loaded" in loaded("orders", "orders.csv", "--batch-date", "2026-01-05")


def test_a_warehouse_that_was_there_stays_when_there_is_no_room_to_open_it(
    duckdb_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening replays what the log beside the file holds, which may need room; the file is all there is of the data."""

    def full(*_: object, **__: object) -> None:
        raise duckdb.IOException(f'Could not write file "warehouse.duckdb": {os.strerror(errno.ENOSPC)}')

    write("orders.csv", ORDER_HEADER, GOOD_ORDER)
    loaded("orders", "orders.csv")
    with monkeypatch.context() as patch:
        patch.setattr("duckdb.connect", full)
        with pytest.raises(TryAgainError, match="there is no room left on the disk for the warehouse"):
            open_warehouse(duckdb_settings)
    assert counts(duckdb_settings) == (1, 0, 1)


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, 3), (errno.EACCES, 2)])
def test_a_folder_that_cannot_be_made_for_the_warehouse_is_told(
    duckdb_settings: Settings, number: int, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused_folder(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    write("orders.csv", ORDER_HEADER, GOOD_ORDER)
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.mkdir", refused_folder)
        told = refused("orders", "orders.csv", code=code)
    assert told.startswith(f"{duckdb_settings.warehouse_path}: ")
    assert os.strerror(number) in told
