"""Worlds with breaks of every kind: all of them found, none besides, each with its class and to the unit."""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple, fields

import pytest

from settle.generate.break_worlds import BreakAnswer, BreakWorld
from settle.generate.planted import KINDS, make_break_worlds
from settle.generate.reference_day import business_dates
from settle.settings import Settings
from settle.warehouse import open_warehouse
from tests.warehouse.company import build, configured
from tests.warehouse.planted import CALENDAR, arrivals, load, written

DAYS, SEED = 6, 20260302
COMPARED = [field.name for field in fields(BreakAnswer) if field.name not in ("world", "kind")]
# The last state of every item; what matched when first seen, with nothing to say, is no answer and must be none.
STATES = """
    with ranked as (
        select items.*, row_number() over (partition by relation, item_key order by batch_id desc) as place
        from {prefix}reconciliation.fct_reconciliation_items as items
    )
    select ranked.relation, ranked.item_key, ranked.channel_code, ranked.order_no, ranked.result, ranked.pool,
        coalesce(ranked.match_kind, ''), coalesce(cast(ranked.left_minor as varchar), ''),
        coalesce(cast(ranked.right_minor as varchar), ''), coalesce(cast(ranked.difference_minor as varchar), ''),
        ranked.currency,
        case when ranked.pool = 'none' then '' else cast(opened.batch_date as varchar) end,
        cast(ranked.batch_date as varchar)
    from ranked
    left join {prefix}staging.stg_loads__batches as opened on opened.batch_id = ranked.opened_batch_id
    where ranked.place = 1
"""


def built(home: Settings, count: int, seed: int = SEED) -> list[BreakWorld]:
    """So many worlds loaded and built in the warehouse of `home`, their configuration at its place for tests."""
    here = configured(home)
    folder = here.config_dir.parent
    worlds = written(count, DAYS, seed, folder)
    load(here, arrivals(worlds, folder))
    build(here)
    return worlds


def wrong(home: Settings, worlds: list[BreakWorld]) -> list[str]:
    """Answers that the warehouse does not give, and items that differ though nothing was planted."""
    with open_warehouse(home, read_only=True) as warehouse:
        rows = warehouse.execute(STATES.format(prefix=home.schema_prefix))
    found = {(str(row[0]), str(row[1])): tuple(row) for row in rows}
    told = []
    for answer in (answer for world in worlds for answer in world.answers):
        expected = astuple(answer)[2:]
        got = found.pop((answer.relation, answer.item_key), None)
        if got != expected:
            told.append(f"{answer.kind} {answer.item_key}: expected {expected}, got {got}")
    for key, row in found.items():
        states = dict(zip(COMPARED, row, strict=True))
        if (states["result"], states["match_kind"], states["difference_minor"]) != ("matched", "auto", "0"):
            told.append(f"nothing was planted, got {key}: {row}")
    return told


def test_two_hundred_worlds_have_all_their_breaks_found_and_none_besides(home: Settings) -> None:
    worlds = built(home, 200)
    kinds = Counter(answer.kind for world in worlds for answer in world.answers)
    assert len(kinds) >= len(KINDS)
    assert min(kinds.values()) >= 100, kinds
    found = wrong(home, worlds)
    assert not found, f"{len(found)} of {kinds.total()}:\n" + "\n".join(found[:20])


def test_postgresql_finds_the_same(postgres_home: Settings) -> None:
    worlds = built(postgres_home, 40, SEED + 1)
    assert wrong(postgres_home, worlds) == []


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_seed_gives_the_same_worlds(seed: int) -> None:
    dates = business_dates(CALENDAR, DAYS)
    once, again = (make_break_worlds(3, dates, seed) for _ in range(2))
    assert [world.answers for world in once] == [world.answers for world in again]
    assert once[0].answers != make_break_worlds(3, dates, seed + 1)[0].answers
