"""Random worlds in which people decide about what is open: warehouse and oracle agree, on both engines."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from settle.settings import Settings
from tests.oracle.oracle import run_oracle
from tests.oracle.world import World
from tests.oracle.world_decisions import with_decisions
from tests.oracle.worlds import calendar, make_world
from tests.warehouse.marts import mart_rows
from tests.warehouse.test_oracle_agrees import assert_none, differences

pytestmark = pytest.mark.postgres_in_campaign

FIRST_WORLD, WORLDS = 7_300_001, 12


def worlds() -> list[World]:
    """All of clearing, with decisions in every batch but the first."""
    dates = calendar(FIRST_WORLD)
    return [with_decisions(make_world(FIRST_WORLD + number, dates, full=True)) for number in range(WORLDS)]


def test_the_worlds_have_decisions_of_every_kind() -> None:
    made = worlds()
    actions = Counter(row["action"] for world in made for batch in world.batches for row in batch.decisions)
    assert set(actions) == {"level_out", "write_off_match", "reassign", "auto_fill", "reopen"}, actions
    kinds = Counter(row["match_kind"] for world in made for row in run_oracle(world).items)
    assert kinds["manual"] > WORLDS, kinds


def test_rec_decide_on_random_worlds(any_home: Settings) -> None:
    made = worlds()
    found = differences(any_home, made, with_tests=False, has_late_lines=False)
    assert_none(found, made)
    broken = [row for row in mart_rows(replace(any_home))["quality.rpt_invariants"] if "false" in row.split("\t")]
    assert broken == []
