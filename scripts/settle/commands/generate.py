"""`settle generate`: seeded data with its answer key, to try things on."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from settle.errors import InputError
from settle.generate.demo import DEMO_SEED, make_demo
from settle.output import say
from settle.settings import Settings

app = typer.Typer(help="Make data with known answers: the demo company, breaks of every kind, or a reference day.")

BUSINESS_DAYS = Path("seeds") / "packages" / "defaults" / "seeds" / "business_days.csv"


class FileFormat(StrEnum):
    """What a reference day is written as."""

    parquet = "parquet"
    csv = "csv"


OutOption = Annotated[Path, typer.Option("--out", help="The folder to write to; made when missing.")]


@app.command("demo")
def demo(
    out: OutOption,
    seed: Annotated[int, typer.Option(help="Another seed gives other ordinary trade; the breaks stay.")] = DEMO_SEED,
) -> None:
    """Ten business days of a small company, with planted breaks and their answers in answers.csv.

    Example: settle generate demo --out /tmp/demo
    """
    check_out(out)
    world = make_demo(out, seed)
    orders = sum(len(day.orders) for day in world.days)
    lines = sum(len(day.payments) for day in world.days)
    say(f"{out}: {len(world.days)} days, {orders} orders, {lines} statement lines, {len(world.answers)} known answers")
    say(f"next: settle load orders {out}/orders_*.csv")


@app.command("day")
def day(
    orders: Annotated[int, typer.Option(min=1, help="Orders per day.")],
    out: OutOption,
    batches: Annotated[int, typer.Option(min=1, help="Consecutive business days.")] = 1,
    seed: Annotated[int, typer.Option(help="Another seed gives other numbers.")] = 1,
    file_format: Annotated[FileFormat, typer.Option("--format", help="parquet or csv")] = FileFormat.parquet,
) -> None:
    """The reference day of the benchmark, with its configuration in OUT/config and its counts in answers.json.

    Example: settle generate day --orders 1000000 --out /tmp/day
    """
    from settle.generate.reference_day import DaySpec, make_reference_days

    check_out(out)
    spec = DaySpec(orders=orders, batches=batches, seed=seed, file_format=file_format.value)
    files = make_reference_days(spec, out, Settings.from_environment().project_dir / BUSINESS_DAYS)
    for batch in files:
        say(f"{batch.batch_date}: {batch.orders} {batch.payments}")
    say(f"next: settle --config {out / 'config'} load orders {files[0].orders}")


@app.command("breaks")
def breaks(
    out: OutOption,
    worlds: Annotated[int, typer.Option(min=1, max=9_999, help="Small companies, each with two channels.")] = 20,
    days: Annotated[int, typer.Option(min=2, help="Consecutive business days that they share.")] = 6,
    seed: Annotated[int, typer.Option(help="Another seed gives other numbers, days and rules.")] = 1,
) -> None:
    """Reconciliation breaks of every kind at random, with their configuration in OUT/config and answers in answers.csv.

    Each line of answers.csv is one item as it must stand at the end; every other item must simply match.

    Example: settle generate breaks --worlds 200 --out /tmp/breaks
    """
    from settle.generate.break_worlds import write_break_worlds
    from settle.generate.planted import make_break_worlds
    from settle.generate.reference_day import business_dates

    check_out(out)
    dates = business_dates(Settings.from_environment().project_dir / BUSINESS_DAYS, days)
    made = make_break_worlds(worlds, dates, seed)
    write_break_worlds(made, out)
    say(f"{out}: {worlds} worlds of {days} days, {sum(len(world.answers) for world in made)} known answers")
    say(f"next: settle --config {out / 'config'} load orders {out}/orders_*.csv")


def check_out(out: Path) -> None:
    """Raises InputError when `out` is something other than a folder."""
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out}: is a file. Name a folder; it is made when missing.")
