"""The warehouse file itself."""

from dataclasses import replace
from pathlib import Path

from settle.dbt import run_dbt
from settle.settings import Settings
from settle.warehouse import open_warehouse


def test_a_file_named_like_one_of_its_schemas_is_read_without_doubt(tmp_path: Path) -> None:
    """The default file is settlement.duckdb, and the warehouse has a schema settlement."""
    settings = replace(Settings.from_environment({}), warehouse_path=tmp_path / "settlement.duckdb", target="duckdb")
    with open_warehouse(settings) as warehouse:
        warehouse.execute("create schema settlement")
        warehouse.execute("create table settlement.settlement.fct_settlement_bills as select 1 as bill")
    for read_only in (True, False):
        with open_warehouse(settings, read_only=read_only) as warehouse:
            assert warehouse.execute("select bill from settlement.fct_settlement_bills") == [(1,)]
            assert warehouse.has_table("settlement", "fct_settlement_bills")


def test_the_default_file_name_builds_twice_and_its_marts_can_be_read(tmp_path: Path) -> None:
    """The catalog of settlement.duckdb is called like the schema of the bills: no view may name that schema."""
    settings = replace(Settings.from_environment({}), warehouse_path=tmp_path / "settlement.duckdb", target="duckdb")
    for _ in range(2):
        outcome = run_dbt(settings, ["build", "--exclude-resource-type", "test", "unit_test"], show_progress=False)
        assert outcome.success, outcome.failures
    with open_warehouse(settings, read_only=True) as warehouse:
        for mart in ("rpt_settlement_summary", "fct_settlement_bills", "fct_settlement_entries"):
            assert warehouse.execute(f"select count(*) from settlement.{mart}") == [(0,)]
