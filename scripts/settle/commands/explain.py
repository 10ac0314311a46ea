"""`settle explain`: the story of one order, bill or statement line."""

from __future__ import annotations

from typing import Annotated

import typer

from settle.explain.facts import facts_of
from settle.explain.rows import Reader
from settle.explain.story import Teller
from settle.explain.tree import render
from settle.output import say_json
from settle.settings import Settings
from settle.warehouse import open_warehouse


def explain(
    key: Annotated[str, typer.Argument(help="Order number, bill number or the channel's number of a statement line.")],
    json: Annotated[bool, typer.Option("--json", help="The rows behind the story, as JSON.")] = False,
) -> None:
    """Tell everything that happened to one order, bill or payment, down to file and line.

    Example: settle explain O-1042
    """
    settings = Settings.from_environment()
    with open_warehouse(settings, read_only=True) as warehouse:
        reader = Reader(warehouse)
        facts = facts_of(reader, key)
        if json:
            say_json(facts)
            return
        render(Teller(reader.exponents(), reader.batch_dates(), settings.zone).tree(facts))
