"""`settle audit`: reports and bills through their states, by several people, in a journal that shows every edit."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from settle.audit.anchor import anchor_file
from settle.audit.chain import JournalRow
from settle.audit.decision_seeds import export_decisions, import_decisions
from settle.audit.desk import Desk, anchor_head, objects, read_journal, verified, write
from settle.audit.kinds import KINDS
from settle.audit.machine import APPROVE, CREATE, REJECT, Wanted
from settle.decision_files import all_or_none, read_rows
from settle.errors import ColumnError, DecisionNeededError, InputError
from settle.explain.rows import Reader
from settle.output import say, say_json
from settle.settings import Settings
from settle.warehouse import Warehouse, open_warehouse

app = typer.Typer(help="Reports and bills through their states; who decided what, unchangeable.", no_args_is_help=True)

NEEDED = ("object_kind", "object_id", "action")
KNOWN = (*NEEDED, "comment", "by", "seen")
OPTION_OF = {"by": "--by", "seen": "--seen", "comment": "--comment"}
NOTHING_WRITTEN = "Nothing was written."

KindName = Annotated[str, typer.Argument(help=f"One of {', '.join(KINDS)}.")]
Ids = Annotated[list[str], typer.Argument(help="The objects: bill numbers, or numbers of reports.")]
By = Annotated[str | None, typer.Option(help="Who decides; else SETTLE_ACTOR.")]
Seen = Annotated[str, typer.Option(help="The state you saw; if it is another by now, nothing is decided.")]
Comment = Annotated[str, typer.Option(help="Why; kept for good.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would become of it.")]
Json = Annotated[bool, typer.Option("--json", help="The same as JSON.")]


@app.command("create")
def create(
    kind: KindName, ids: Ids, comment: Comment = "", by: By = None, dry_run: DryRun = False, json: Json = False
) -> None:
    """Put objects under audit: what they hold is frozen by a hash, and whoever does it cannot approve them.

    Example: settle audit create bill B4-M001-20260108-1a2b3c --by Li
    """
    _decide_each([Wanted(kind, each, CREATE, _actor(by), comment) for each in ids], dry_run, json)


@app.command("approve")
def approve(
    kind: KindName,
    ids: Ids,
    seen: Seen = "",
    comment: Comment = "",
    by: By = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Take objects one state on; nobody approves what they put under audit, and nobody twice.

    Example: settle audit approve bill B4-M001-20260108-1a2b3c --seen CREATED --by Wang
    """
    _decide_each([Wanted(kind, each, APPROVE, _actor(by), comment, seen) for each in ids], dry_run, json)


@app.command("reject")
def reject(
    kind: KindName,
    ids: Ids,
    comment: Comment = "",
    seen: Seen = "",
    by: By = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Reject objects; they may come under audit again once they have been corrected.

    Example: settle audit reject bill B4-M001-20260108-1a2b3c --comment "fee of order A-0711 is disputed" --by Wang
    """
    _decide_each([Wanted(kind, each, REJECT, _actor(by), comment, seen) for each in ids], dry_run, json)


@app.command("decide")
def decide(
    file: Annotated[Path, typer.Argument(help=f"CSV or XLSX with {', '.join(NEEDED)}; comment, by, seen if needed.")],
    by: By = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Many decisions from a file, all or none. Example: settle audit decide approvals.xlsx --by Wang --dry-run"""
    actor = _actor(by)
    rows = read_rows(file, NEEDED, KNOWN)
    asked = [(row.line, {**row.cells, "by": row.cells.get("by") or actor}) for row in rows]

    def decided(desk: Desk) -> list[JournalRow]:
        return all_or_none(file, asked, lambda values: desk.decide(_wanted(values)))

    _take([_wanted(values) for _, values in asked], decided, dry_run, json)


@app.command("journal")
def journal(
    kind: Annotated[str | None, typer.Argument(help="Only objects of this kind.")] = None,
    object_id: Annotated[str | None, typer.Argument(metavar="ID", help="Only this object.")] = None,
    json: Json = False,
) -> None:
    """Who decided what about an object, when and why. Example: settle audit journal bill B4-M001-20260108-1a2b3c"""
    settings = Settings.from_environment()
    with open_warehouse(settings, read_only=True) as warehouse:
        where = " and ".join(
            f"{name} = ?" for name, value in (("object_kind", kind), ("object_id", object_id)) if value
        )
        rows = read_journal(Reader(warehouse), where or "true", [value for value in (kind, object_id) if value])
    if object_id is not None and not rows:
        raise InputError(f"{kind} {object_id} is not under audit. See: settle audit list")
    if json:
        say_json([vars(row) for row in rows])
        return
    for row in rows:
        say(_told(row))


@app.command("list")
def list_objects(
    kind: Annotated[str | None, typer.Option(help="Only objects of this kind.")] = None,
    state: Annotated[str | None, typer.Option(help="Only objects in this state.")] = None,
    json: Json = False,
) -> None:
    """Every object under audit, its state and whom it waits for. Example: settle audit list --state CHECKED"""
    settings = Settings.from_environment()
    with open_warehouse(settings, read_only=True) as warehouse:
        found = objects(Reader(warehouse))
    found = [row for row in found if kind in (None, row["object_kind"]) and state in (None, row["state"])]
    if json:
        say_json(found)
        return
    say(f"{len(found)} under audit")
    for row in found:
        waits = f"waits for {' or '.join(row['waits_for'])}" if row["waits_for"] else "final"
        say(f"  {row['object_kind']} {row['object_id']}  {row['state']} by {row['decided_by']}; {waits}")


@app.command("verify")
def verify(json: Json = False) -> None:
    """Recompute the chain of the journal, compare it with the anchor, and look for objects that changed under audit.

    Exit code 4 names the first row that is not what was written. Example: settle audit verify
    """
    settings = Settings.from_environment()
    with open_warehouse(settings, read_only=True) as warehouse:
        count, broken, changed = verified(Reader(warehouse))
    if json:
        say_json({"rows": count, "broken": vars(broken) if broken else None, "changed": changed})
    elif broken is None:
        say(f"{count} rows of the journal are what was written; anchored in {anchor_file(settings)}")
    told = [f"Row {broken.seq} of the journal {broken.text}."] if broken else []
    told += [f"{each} has changed since it was put under audit." for each in changed]
    if told:
        if broken:
            told.append(
                f"Pay and send nothing. Compare with a backup and with {anchor_file(settings)}; find out who did it."
            )
        raise DecisionNeededError("\n".join(told))


@app.command("export")
def export(
    folder: Annotated[Path, typer.Option("--as-seed", help="The folder that the files are written to.")],
) -> None:
    """Write all decisions as CSV, for a team to version. Example: settle audit export --as-seed decisions"""
    settings = Settings.from_environment()
    with open_warehouse(settings, read_only=True) as warehouse:
        for table, count in export_decisions(Reader(warehouse), folder).items():
            say(f"{folder / table}.csv: {count} rows")


@app.command("import")
def import_files(
    folder: Annotated[Path, typer.Argument(help="The folder of settle audit export.")],
) -> None:
    """Load exported decisions into a warehouse that has none. Example: settle audit import decisions"""
    settings = Settings.from_environment()
    with open_warehouse(settings) as warehouse:
        warehouse.ensure_raw_tables()
        with warehouse.exclusive(), warehouse.transaction():
            loaded = import_decisions(warehouse, folder)
        anchor_head(warehouse)
    for table, count in loaded.items():
        say(f"{table}: {count} rows")


def _actor(by: str | None) -> str:
    return by if by is not None else os.environ.get("SETTLE_ACTOR", "")


def _wanted(values: Mapping[str, str]) -> Wanted:
    return Wanted(
        values.get("object_kind", ""),
        values.get("object_id", ""),
        values.get("action", "").upper(),
        values.get("by", ""),
        values.get("comment", ""),
        values.get("seen", ""),
    )


def _decide_each(wanted: Sequence[Wanted], dry_run: bool, json: bool) -> None:
    """Decisions from the command line: the first that cannot be taken is told."""

    def decided(desk: Desk) -> list[JournalRow]:
        rows = []
        for each in wanted:
            try:
                rows.append(desk.decide(each))
            except ColumnError as fault:
                raise fault.of_option(OPTION_OF.get(fault.column, ""), getattr(each, fault.column)) from fault
        return rows

    _take(wanted, decided, dry_run, json)


def _take(wanted: Sequence[Wanted], decided: Callable[[Desk], list[JournalRow]], dry_run: bool, json: bool) -> None:
    """Judge, and unless it is a dry run write all of it in one transaction and anchor it."""
    settings = Settings.from_environment()
    with open_warehouse(settings, read_only=dry_run) as warehouse:
        rows = decided(Desk(Reader(warehouse), wanted)) if dry_run else _written(warehouse, wanted, decided)
    if json:
        say_json({"dry_run": dry_run, "decisions": [vars(row) for row in rows]})
        return
    for row in rows:
        say(_told(row))
    if dry_run:
        say(NOTHING_WRITTEN)


def _written(
    warehouse: Warehouse, wanted: Sequence[Wanted], decided: Callable[[Desk], list[JournalRow]]
) -> list[JournalRow]:
    warehouse.ensure_raw_tables()
    with warehouse.exclusive():
        with warehouse.transaction():
            rows = decided(Desk(Reader(warehouse), wanted))
            write(warehouse, rows)
        anchor_head(warehouse)
    return rows


def _told(row: JournalRow) -> str:
    why = f": {row.comment}" if row.comment else ""
    return (
        f"{row.seq:>6}  {row.object_kind} {row.object_id}  {row.from_name or '-'} → {row.to_name}  {row.action} by "
        f"{row.actor} ({row.role}), {row.decided_at:%Y-%m-%d %H:%M} UTC{why}"
    )
