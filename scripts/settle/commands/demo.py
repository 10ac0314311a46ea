"""`settle demo`: a small company's ten days, end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from settle.errors import SettleError
from settle.output import progress, say
from settle.settings import Settings


def demo(
    keep: Annotated[
        Path | None, typer.Option(help="The folder for the generated files; `demo` beside the warehouse if not given.")
    ] = None,
) -> None:
    """Make ten days of a small company with planted breaks, load and build them, and print what must come out.

    Every call starts anew, in a warehouse of its own: demo.duckdb, or the new file that --warehouse names.

    Example: settle demo
    """
    from settle.commands.generate import check_out
    from settle.demo import demo_settings, examples, read_answers, run_demo, shown
    from settle.generate.demo import DEMO_DAYS

    settings = demo_settings(Settings.from_environment())
    folder = (keep or settings.warehouse_path.parent / "demo").absolute()
    check_out(folder)
    with progress("demo", steps=len(DEMO_DAYS) + 2) as reporter:
        report = run_demo(settings, folder, reporter)
    if not report.outcome.success:
        for failure in report.outcome.failures:
            say(failure)
        raise typer.Exit(report.outcome.exit_code)
    rows = sum(each.counts.loaded for each in report.loaded)
    say(f"{len(report.loaded)} files, {rows} rows in {folder}")
    say(f"{report.outcome.models_built} models built, {report.outcome.tests_passed} tests held in {report.warehouse}")
    for name, value in report.numbers.items():
        say(f"  {name:<32}{shown(name, value):>18}")
    if report.differences:
        raise SettleError("the demo did not give what it is known to give:\n" + "\n".join(report.differences))
    answers = read_answers(folder / "answers.csv")
    say(f"As known: every number above, and all {len(answers)} planted breaks of {folder / 'answers.csv'}.")
    where = "settle" if settings.connection()["type"] == "postgres" else f"settle --warehouse {report.warehouse}"
    say("Look next at:")
    say(f"  {where} status")
    for order_no, text in examples(answers):
        say(f"  {where} explain {order_no}   # {text}")
