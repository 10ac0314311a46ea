"""`settle bench`: the warehouse beside a hand-written script, measured."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from settle.output import say, say_error
from settle.settings import Settings


def bench(
    orders: Annotated[int, typer.Option(min=1, help="Orders per day.")] = 1_000_000,
    batches: Annotated[int, typer.Option(min=1, help="More than 1: so many days one after the other.")] = 1,
    repeat: Annotated[int, typer.Option(min=1, help="Turns of one day; the table shows medians.")] = 1,
    clearing: Annotated[
        bool, typer.Option("--clearing", help="Clearing alone: shares on two levels, and redistribution.")
    ] = False,
    reconciliation: Annotated[
        bool, typer.Option("--reconciliation", help="Reconciliation alone, beside a join that only counts.")
    ] = False,
    lines: Annotated[
        int | None, typer.Option(min=1, help="With --reconciliation: statement lines; default as many as orders.")
    ] = None,
    breaks: Annotated[
        int | None, typer.Option(min=5, help="Matching without a number alone: so many open items, and bank entries.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The seed of the generated days.")] = 1,
    folder: Annotated[Path | None, typer.Option("--dir", help="Where data and warehouses go; kept.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every measurement to this file.")] = None,
) -> None:
    """Measure load and build of a generated day beside a hand-written DuckDB script of the same work.

    With --clearing, measure the clearing models alone: shares on two levels beside the script, and redistribution
    between five bearers beside the plain ratio. With --reconciliation, measure the reconciliation models alone beside
    a full outer join that only counts; one in a hundred orders or lines is different. With --breaks, measure them on
    open items that have no number in common. With --batches, measure one day after the other, to see whether a batch
    costs more the later it comes.
    All write warehouses of their own below --dir and leave yours alone.

    Example: settle bench --orders 5000000 --repeat 3
    Example: settle bench --reconciliation --orders 50000000 --lines 48500000
    Example: settle bench --breaks 1000000
    """
    from settle.bench.reconciliation import (
        ReconciliationBench,
        breaks_figures,
        reconciliation_figures,
        run_breaks,
        run_reconciliation,
    )
    from settle.bench.report import batch_figures, clearing_figures, day_figures, machine_line
    from settle.bench.run import Bench, machine, run_batches, run_clearing, run_day
    from settle.generate.reference_day import DaySpec

    settings = Settings.from_environment()
    where = (folder or settings.warehouse_path.parent / "bench").absolute()
    where.mkdir(parents=True, exist_ok=True)
    spec = DaySpec(orders=orders, batches=batches, seed=seed)
    run = Bench(settings, spec, where, say_error)
    if breaks:
        run = ReconciliationBench(settings, spec, where, say_error)
        run_breaks(run, breaks)
        figures = breaks_figures(run)
    elif reconciliation:
        run = ReconciliationBench(settings, spec, where, say_error, lines=lines or orders)
        run_reconciliation(run, repeat)
        figures = reconciliation_figures(run.measured)
    elif clearing:
        run_clearing(run, repeat)
        figures = clearing_figures(run.measured)
    elif batches == 1:
        run_day(run, repeat)
        figures = day_figures(run.measured, orders)
    else:
        run_batches(run)
        figures = batch_figures(run.measured)
    for line in [machine_line(), *figures["lines"]]:
        say(line)
    if json_file:
        report = {
            "orders": orders,
            "batches": batches,
            "seed": seed,
            "machine": machine(),
            "figures": {name: value for name, value in figures.items() if name != "lines"},
            "totals": run.totals,
            "measured": [asdict(step) for step in run.measured],
        }
        json_file.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
