"""Every invariant by breaking it: one row of the warehouse of all examples is changed, and it must notice."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.rules.breaks import BREAKS, Break
from tests.rules.warehouse import Found


@pytest.fixture
def notices(found: Found, tmp_path: Path) -> Callable[[Break], None]:
    """Changes one row in a copy of the warehouse; all invariants hold before, the named one is broken after."""

    def broken(connection: duckdb.DuckDBPyConnection) -> set[str]:
        names: set[str] = set()
        for number, day in connection.execute("select batch_id, batch_date from raw.batches").fetchall():
            marked = found.invariants.replace("__batch_id__", str(number))
            sql = marked.replace("__batch_date__", f"cast('{day}' as date)").replace("__batch_part__", "1")
            names |= {row[0] for row in connection.execute(f"select invariant from ({sql}) where not held").fetchall()}
        return names

    def check(change: Break) -> None:
        # The views name their database, which is the name of the file.
        copy = tmp_path / Path(found.warehouse).name
        shutil.copyfile(found.warehouse, copy)
        with duckdb.connect(str(copy)) as connection:
            assert broken(connection) == set()
            changed = connection.execute(change.statement()).fetchall()
            assert changed == [(1,)], f"{change} changed {changed} rows"
            assert change.invariant in broken(connection)

    return check


def breaks_of(rule: str) -> pytest.MarkDecorator:
    """Each break of the invariant as a test of its own, on DuckDB; parity with PostgreSQL is tested elsewhere."""
    changes = BREAKS[rule]
    names = [f"{change.invariant}_{number}" for number, change in enumerate(changes, 1)]
    on_duckdb = [("duckdb", change) for change in changes]
    return pytest.mark.parametrize(("found", "change"), on_duckdb, ids=names, indirect=["found"])


@breaks_of("INV-ORDERS")
def test_inv_orders(notices: Callable[[Break], None], change: Break) -> None:
    notices(change)


@breaks_of("INV-GRANTS")
def test_inv_grants(notices: Callable[[Break], None], change: Break) -> None:
    notices(change)


@breaks_of("INV-CAPS")
def test_inv_caps(notices: Callable[[Break], None], change: Break) -> None:
    notices(change)


@breaks_of("INV-BALANCES")
def test_inv_balances(notices: Callable[[Break], None], change: Break) -> None:
    notices(change)


@breaks_of("INV-POOLS")
def test_inv_pools(notices: Callable[[Break], None], change: Break) -> None:
    notices(change)


@breaks_of("INV-SUCCESSFUL")
def test_inv_successful(notices: Callable[[Break], None], change: Break) -> None:
    notices(change)


@breaks_of("INV-DECISIONS")
def test_inv_decisions(notices: Callable[[Break], None], change: Break) -> None:
    notices(change)


@breaks_of("INV-ONCE")
def test_inv_once(notices: Callable[[Break], None], change: Break) -> None:
    notices(change)


@breaks_of("INV-BILLS")
def test_inv_bills(notices: Callable[[Break], None], change: Break) -> None:
    notices(change)


@breaks_of("INV-RETURNED")
def test_inv_returned(notices: Callable[[Break], None], change: Break) -> None:
    notices(change)


@breaks_of("INV-ENTRIES")
def test_inv_entries(notices: Callable[[Break], None], change: Break) -> None:
    notices(change)


@breaks_of("INV-FILES")
def test_inv_files(notices: Callable[[Break], None], change: Break) -> None:
    notices(change)
