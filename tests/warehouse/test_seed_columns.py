"""A configuration table that an earlier version made gets the columns that were declared since."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

from settle.dbt import run_dbt
from settle.settings import Settings
from settle.warehouse import open_warehouse

OLD = "rule_code,tier_no,from_minor,to_minor,ppm,flat_minor\nR,1,0,,10000,0\n"
NEW = "rule_code,tier_no,from_minor,to_minor,ppm,flat_minor,valid_from\nR,1,0,,10000,0,2026-01-06\n"


def test_a_table_of_an_earlier_version_gets_the_columns_declared_since(any_settings: Settings, tmp_path: Path) -> None:
    config = tmp_path / "config"
    shutil.copytree(any_settings.project_dir / "seeds" / "config", config)
    here = replace(any_settings, config_dir=config)
    with open_warehouse(here) as warehouse:
        warehouse.ensure_raw_tables()
        warehouse.execute("create schema if not exists config")
        warehouse.execute(
            "create table config.billing_tiers (rule_code text, tier_no bigint, from_minor bigint, to_minor bigint, "
            "ppm bigint, flat_minor bigint)"
        )
        warehouse.execute("insert into config.billing_tiers values ('OLD', 1, 0, null, 1, 0)")
        warehouse.execute("create view config.looks_at_it as select rule_code, ppm from config.billing_tiers")
    for text, expected in ((OLD, [("R", 10_000, None)]), (NEW, [("R", 10_000, date(2026, 1, 6))])):
        (config / "billing_tiers.csv").write_text(text, encoding="utf-8")
        # Twice: what was added must not be added again.
        for _ in range(2):
            outcome = run_dbt(here, ["seed", "--select", "billing_tiers"], show_progress=False)
            assert outcome.success, "\n".join(outcome.failures)
        with open_warehouse(here, read_only=True) as warehouse:
            assert warehouse.execute("select rule_code, ppm, valid_from from config.billing_tiers") == expected
            assert warehouse.execute("select rule_code, ppm from config.looks_at_it") == [("R", 10_000)]
