"""A build that stops half-way goes on by the configuration it began with, or says that it cannot."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from settle.build import WITHOUT_TESTS
from settle.dbt import run_dbt
from settle.settings import Settings
from tests.oracle import hand
from tests.oracle.world import World
from tests.warehouse.company import build
from tests.warehouse.shop import configure, select, shop_config
from tests.warehouse.test_oracle_agrees import load

pytestmark = pytest.mark.postgres_in_campaign

DAY = date(2026, 1, 8)
SORTING = "int_clearing__lines_sorted"
DETAILS = "select batch_id, order_no, fee_minor from clearing.fct_clearing_details"


def stopped_before_sorting(here: Settings, folder: Path) -> None:
    """A fourth day of one order is loaded, and its build ends before the first line gets its number."""
    order = hand.order("D", "100.00", ordered_at=f"{DAY}T10:00:00+08:00")
    world = replace(World(0, "", [], shop_config()), batches=[hand.batch(DAY.isoformat(), order)])
    load(here, [world], folder)
    build(here, "--exclude", f"{SORTING}+")
    assert not [row for row in select(here, DETAILS) if row[1] == "D"]


def test_models_that_changed_while_a_batch_was_half_built_stop_the_build(here: Settings, tmp_path: Path) -> None:
    stopped_before_sorting(here, tmp_path)
    tables = shop_config()
    for changed in ([hand.model(cycle="D1")], [hand.model(product_code="Q", model_code="S2")], []):
        configure(here.config_dir, {**tables, "settlement_models": changed})
        outcome = run_dbt(here, ["build", *WITHOUT_TESTS], show_progress=False)
        assert not outcome.success
        told = " ".join(outcome.failures)
        assert "settlement model S" in told and "was changed while batch 4 was half built" in told
        assert "settle reset --from-batch 4" in told
        assert not [row for row in select(here, DETAILS) if row[1] == "D"], "nothing of the batch has cleared"
    configure(here.config_dir, tables)
    build(here)
    assert [row for row in select(here, DETAILS) if row[1] == "D"] == [(4, "D", 100)]


def test_a_rule_that_changed_while_a_batch_was_half_built_holds_from_the_next_batch(
    here: Settings, tmp_path: Path
) -> None:
    stopped_before_sorting(here, tmp_path)
    configure(here.config_dir, shop_config(ppm=30_000))
    build(here)
    assert [row for row in select(here, DETAILS) if row[1] == "D"] == [(4, "D", 100)]
