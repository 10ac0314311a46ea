"""How dbt puts a model's private steps (ephemeral models) in front of its SQL, without parsing all of it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

STARTS_WITH = re.compile(
    r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*with\s+(?!(?:with|recursive)\b)(?=\w+\s+as\b)", re.IGNORECASE | re.DOTALL
)
COMMENT_OR_TEXT = re.compile(r"--[^\n]*|/\*.*?\*/|'[^']*'", re.DOTALL)


def steps_before(sql: str, steps: list[Any], parsed: Callable[[str, list[Any]], str]) -> str:
    """`sql` with `steps` (each with its `.sql`, `name as (...)`) in front of its own; `parsed` is dbt's way to do it.

    dbt parses the whole text only to find the `with` it begins with; for ours that is a fifth of a build that has
    little to do. Text that does not begin with a plain `with`, or may hold a second statement, is left to dbt.
    """
    found = STARTS_WITH.match(sql)
    if not steps or found is None or ";" in COMMENT_OR_TEXT.sub("", sql):
        return parsed(sql, steps)
    return f"{sql[: found.end()]}{', '.join(step.sql for step in steps)}, {sql[found.end() :]}"


@contextlib.contextmanager
def quick_steps() -> Iterator[None]:
    """Meanwhile dbt takes steps_before(); a dbt that names its own way otherwise keeps it, and is as slow as ever."""
    import dbt.compilation

    parsed = getattr(dbt.compilation, "inject_ctes_into_sql", None)
    if parsed is None:
        yield
        return
    dbt.compilation.inject_ctes_into_sql = lambda sql, ctes: steps_before(sql, ctes, parsed)
    try:
        yield
    finally:
        dbt.compilation.inject_ctes_into_sql = parsed
