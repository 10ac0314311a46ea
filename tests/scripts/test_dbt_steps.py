"""The quick way to put private steps in front of a model's SQL gives what dbt's own way gives, to the character."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import dbt.compilation
import pytest
from hypothesis import given
from hypothesis import strategies as st

from settle.dbt_steps import quick_steps, steps_before

STEPS = [
    SimpleNamespace(id="a", sql=" __dbt__cte__a as (\nselect 1 as one\n)"),
    SimpleNamespace(id="b", sql="b as (select ';')"),
]
PARSED: Callable[[str, list[Any]], str] = dbt.compilation.inject_ctes_into_sql
FRAGMENTS = (
    "with",
    "With recursive",
    "x as (select 1)",
    "select ';' from x",
    "select 1;",
    "-- it's\n",
    "/* ; */",
    "\n",
    " ",
    "without",
)


@pytest.mark.parametrize(
    ("sql", "is_quick"),
    [
        ("with x as (select 1) select * from x", True),
        ("\n  -- with; it's\n /* with */ WITH\n x as (select ';') select * from x", True),
        ("with recursive x as (select 1) select * from x", False),
        ("select 1 as one", False),
        ("with x as (select 1) select * from x; select 2", False),
        ("without as (select 1) select * from x", False),
    ],
)
def test_steps_stand_where_dbt_puts_them(sql: str, is_quick: bool) -> None:
    asked: list[str] = []

    def parsed(text: str, steps: list[Any]) -> str:
        asked.append(text)
        return PARSED(text, steps)

    assert steps_before(sql, STEPS, parsed) == PARSED(sql, STEPS)
    assert (asked == []) is is_quick


@given(
    st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=8).map(lambda found: " ".join([*found, "select 1"])),
    st.sampled_from([[], STEPS[:1], STEPS]),
)
def test_any_text_gets_what_dbt_gives_it(sql: str, steps: list[Any]) -> None:
    assert steps_before(sql, steps, PARSED) == PARSED(sql, steps)


def test_dbt_has_its_own_way_back_afterwards() -> None:
    with quick_steps():
        assert dbt.compilation.inject_ctes_into_sql is not PARSED
    assert dbt.compilation.inject_ctes_into_sql is PARSED
