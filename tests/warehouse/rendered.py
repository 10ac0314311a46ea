"""A macro as SQL of one engine, without dbt: what only writes SQL is tested on rows of the test's own, quickly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2

MACROS = Path(__file__).resolve().parents[2] / "macros"


class _Adapter:
    """What dbt's adapter does for dispatched macros: the one of the engine, else the default."""

    def __init__(self, engine: str, macros: dict[str, Any]) -> None:
        self._engine, self._macros = engine, macros

    def dispatch(self, name: str, _package: str) -> Callable[..., str]:
        found: Callable[..., str] = self._macros.get(f"{self._engine}__{name}") or self._macros[f"default__{name}"]
        return found


def render(engine: str, text: str, *files: str) -> str:
    """The SQL of a Jinja text that calls macros of these files (below `macros`), for `duckdb` or `postgres`."""
    macros: dict[str, Any] = {}
    environment = jinja2.Environment(extensions=["jinja2.ext.do"], autoescape=False)
    environment.globals.update(adapter=_Adapter(engine, macros))
    for file in files:
        module = environment.from_string((MACROS / file).read_text(encoding="utf-8")).module
        macros.update({name: value for name, value in vars(module).items() if not name.startswith("_")})
        # A macro may call those of other files, which stand first.
        environment.globals.update(macros)
    return environment.from_string(text).render()
