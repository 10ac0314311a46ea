"""A shop of three days, small enough to follow by hand, built once on each engine and copied for every test.

Orders A, B and C of 100.00, one a day. Rule R bills 1 %; N bears the fee up to 150 in its lifetime, the
merchant the rest.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from settle.cli import app
from settle.load.loader import FileJob, LoadReport, Rejecting, load_files
from settle.output import SilentReporter
from settle.reset import reset
from settle.settings import Settings
from settle.warehouse import open_warehouse
from tests.oracle import hand
from tests.oracle.world import Row, World
from tests.oracle.worlds import write_config
from tests.warehouse.company import CHECKOUT, administer, build, emptied, isolated, once
from tests.warehouse.test_oracle_agrees import load

PAGE = CHECKOUT / "docs" / "rules" / "reset.md"
DAYS = (date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 7))
RETURN_HEADER = "file_no,instruction_no,bank_txn_no,amount,currency,status"


def shop_config(ppm: int = 10_000, cap: int = 150) -> dict[str, list[Row]]:
    """The configuration, with the rate and the cap that a test may change."""
    return hand.config(
        billing_rules=[hand.rule(ppm=ppm, allocation_rule_code="A")],
        allocation_rules=[hand.seed("allocation_rules", allocation_rule_code="A", level=1, method="ratio")],
        allocation_bearers=[
            hand.bearer("N", 1, ppm=1_000_000, cap_minor=cap, cap_period="lifetime"),
            hand.bearer("participant", 2, ppm=0, is_residual="true"),
        ],
    )


def shop() -> World:
    """Three orders on three days, and one that waits for a product that nobody knows."""
    batches = [
        hand.batch(
            day.isoformat(),
            hand.order(name, "100.00", ordered_at=f"{day}T10:00:00+08:00"),
            hand.order(f"X{name}", "1.00", product_code="unknown", ordered_at=f"{day}T11:00:00+08:00"),
        )
        for name, day in zip("ABC", DAYS, strict=True)
    ]
    return World(0, "", batches, shop_config())


def configure(folder: Path, tables: dict[str, list[Row]]) -> None:
    """Write the tables into a configuration folder."""
    world = replace(shop(), config=tables)
    write_config([world], folder, leave_out=["business_days", "currencies"])


class Shops:
    """The built shop: on DuckDB a file, on PostgreSQL a database, each copied when asked for.

    Of several test processes that share the folder `shared` the first builds it.
    """

    def __init__(self, own_folder: Path, shared: Path, server: dict[str, str] | None) -> None:
        self.own_folder, self.shared, self.server = own_folder, shared, server
        self.database = f"shop_{os.getpid()}"

    def fresh(self, patch: pytest.MonkeyPatch) -> Settings:
        """Settings of a copy of the built shop, always at the same place, so that dbt parses the project once."""
        emptied(self.own_folder)
        settings = replace(isolated(patch, self.own_folder), config_dir=self.own_folder / "shop-config")
        patch.setenv("SETTLE_CONFIG", str(settings.config_dir))
        if self.server is not None:
            patch.setenv("SETTLE_TARGET", "postgres")
            for name, value in {**self.server, "SETTLE_PG_DATABASE": self.database}.items():
                patch.setenv(name, value)
            settings = replace(settings, target="postgres")
        configure(settings.config_dir, shop_config())

        def make(folder: Path) -> None:
            if self.server is not None:
                administer(self.server, f"create database {self.database}")
            load(settings, [shop()], self.own_folder / "files")
            build(settings)
            if self.server is None:
                shutil.copyfile(settings.warehouse_path, folder / settings.warehouse_path.name)
            else:
                administer(self.server, f"alter database {self.database} rename to {self.database}_built")

        kept = once(self.shared, "shop-built", make)
        if self.server is None:
            shutil.copyfile(kept / settings.warehouse_path.name, settings.warehouse_path)
        else:
            dropped = f"drop database if exists {self.database} with (force)"
            administer(self.server, dropped, f"create database {self.database} template {self.database}_built")
        return settings


def load_returns(settings: Settings, folder: Path, *lines: str, name: str = "returns.csv") -> None:
    """Load the bank's answers into the open batch after the last."""
    path = folder / name
    path.write_text("\n".join([RETURN_HEADER, *lines, ""]), encoding="utf-8")
    reports: list[LoadReport] = []
    load_files(settings, [FileJob("bank_returns", path, None)], None, Rejecting(), SilentReporter(), reports)
    assert [report.status for report in reports] == ["loaded"], [report.summary() for report in reports]


def select(settings: Settings, sql: str) -> list[tuple[object, ...]]:
    """Rows of the shop's warehouse, in order."""
    with open_warehouse(settings, read_only=True) as warehouse:
        return sorted(warehouse.execute(sql), key=str)


def run_reset(settings: Settings, from_batch: int) -> None:
    """Reset from a batch, without a command."""
    with open_warehouse(settings) as warehouse:
        reset(warehouse, from_batch, None, "", "tester")


def table_of(rule: str) -> list[dict[str, str]]:
    """The rows of the table in a rule's section of the page."""
    section = PAGE.read_text(encoding="utf-8").partition(f"## {rule}\n")[2].partition("\n## ")[0]
    header, _, *rows = [
        [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("|")
    ]
    return [dict(zip(header, row, strict=True)) for row in rows]


def told(*words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command in this process."""
    result = CliRunner().invoke(app, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr
