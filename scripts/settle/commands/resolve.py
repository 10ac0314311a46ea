"""`settle resolve`: decide about an open difference."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from settle.errors import ColumnError, InputError
from settle.explain.rows import Reader
from settle.explain.tree import money
from settle.output import say, say_json
from settle.resolve import ACTIONS, Decision, Desk, Wanted, write
from settle.resolve_file import decide_all, read_decisions
from settle.resolve_lines import ORDERS_CHANNEL
from settle.settings import Settings
from settle.warehouse import Warehouse, open_warehouse

ITEMS_SHOWN = 50
OPTION_OF = {"item_key": "", "action": "--action", "reason": "--reason", "by": "--by", "with": "--with"}


def resolve(
    item_key: Annotated[str | None, typer.Argument(help="The item, as `--list` names it.")] = None,
    action: Annotated[str | None, typer.Option(help=f"One of {', '.join(ACTIONS)}.")] = None,
    reason: Annotated[str, typer.Option(help="Why; kept for good.")] = "",
    by: Annotated[str | None, typer.Option(help="Who decides; else SETTLE_ACTOR.")] = None,
    other: Annotated[
        str, typer.Option("--with", help="write_off_match: the item on the other side; reassign: the order number.")
    ] = "",
    relation: Annotated[str, typer.Option(help="Which two sides the item compares.")] = ORDERS_CHANNEL,
    file: Annotated[
        Path | None, typer.Option(help="CSV or XLSX with item_key, action, reason; with, by, relation if needed.")
    ] = None,
    list_open: Annotated[
        bool, typer.Option("--list", help="Only list the open items and what may be decided.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would become of it.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
) -> None:
    """Decide about an open difference; it takes effect in the next batch, and only another decision undoes it.

    Example: settle resolve "ALIPAY|A-0711" --action level_out --reason "rounding, agreed 3 March" --by Li
    """
    settings = Settings.from_environment()
    if sum((item_key is not None, file is not None, list_open)) != 1:
        raise InputError("Say what to decide about, once: ITEM_KEY, or --file FILE, or --list to see what is open.")
    if item_key is not None and action is None:
        raise InputError(f"--action is missing. Use one of {', '.join(ACTIONS)}.")
    actor = by if by is not None else os.environ.get("SETTLE_ACTOR", "")
    rows = read_decisions(file, actor, relation) if file is not None else []
    with open_warehouse(settings, read_only=dry_run or list_open) as warehouse:
        if list_open:
            _list(Desk(Reader(warehouse)), json)
            return

        def decided(desk: Desk) -> list[Decision]:
            if file is not None:
                return decide_all(desk, file, rows)
            return [_one(desk, Wanted(item_key or "", action or "", reason, actor, other, relation))]

        decisions = decided(Desk(Reader(warehouse))) if dry_run else _written(warehouse, decided)
    if json:
        say_json({"dry_run": dry_run, "decisions": [decision.as_dict() for decision in decisions]})
        return
    for decision in decisions:
        say(f"{decision.decision_no or 'Would be decided'}: {decision.wanted.action} by {decision.wanted.by}")
        say(f"  stands   {decision.stands}")
        say(f"  becomes  {decision.becomes}")
    say("Nothing was written." if dry_run else "It takes effect when the next batch is built: settle run")


def _written(warehouse: Warehouse, decided: Any) -> list[Decision]:
    """Take the decisions and write them, all in one transaction while nobody loads or builds."""
    warehouse.ensure_raw_tables()
    with warehouse.exclusive(), warehouse.transaction():
        decisions: list[Decision] = decided(Desk(Reader(warehouse)))
        write(warehouse, decisions)
    return decisions


def _one(desk: Desk, wanted: Wanted) -> Decision:
    try:
        return desk.decide(wanted)
    except ColumnError as fault:
        value = {**vars(wanted), "with": wanted.other}[fault.column]
        raise fault.of_option(OPTION_OF[fault.column], value) from fault


def _list(desk: Desk, json: bool) -> None:
    items = desk.open_items()
    if json:
        say_json({"batch_id": desk.last, "items": items})
        return
    say(f"{len(items)} open items at the close of batch {desk.last}")
    for item in items[:ITEMS_SHOWN]:
        may = ", ".join(item["actions"]) or (f"waits for {item['waits_for']}" if item["waits_for"] else "nothing")
        difference = money(item["difference_minor"], item["currency"], desk.exponents)
        say(
            f"  {item['item_key']}  {item['result']}, {item['pool']} pool, {item['age_days']} days, {difference}: {may}"
        )
    if len(items) > ITEMS_SHOWN:
        say(f"  and {len(items) - ITEMS_SHOWN} more: settle resolve --list --json")
