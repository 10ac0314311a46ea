"""The command line `settle`: global options, the commands, and errors turned into messages and exit codes."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from settle import __version__
from settle.commands import audit as audit_command
from settle.commands import bench as bench_command
from settle.commands import calendar as calendar_command
from settle.commands import demo as demo_command
from settle.commands import diff as diff_command
from settle.commands import explain as explain_command
from settle.commands import export as export_command
from settle.commands import fix as fix_command
from settle.commands import generate as generate_command
from settle.commands import load as load_command
from settle.commands import payout as payout_command
from settle.commands import pull as pull_command
from settle.commands import quality as quality_command
from settle.commands import report as report_command
from settle.commands import reset as reset_command
from settle.commands import resolve as resolve_command
from settle.commands import run as run_command
from settle.commands import shadow as shadow_command
from settle.commands import status as status_command
from settle.commands import template as template_command
from settle.errors import SettleError
from settle.output import say, say_error


class SettleGroup(TyperGroup):
    """Turns a SettleError into its message and exit code, wherever the app is called from."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except SettleError as error:
            say_error(str(error))
            raise typer.Exit(error.exit_code) from error


app = typer.Typer(
    name="settle",
    cls=SettleGroup,
    help="Loads business files, builds the settlement warehouse and shows what came out.\n\n"
    "A day: settle load orders orders.csv · settle load payments bill.csv · settle run · settle status",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"settle {__version__}")
        raise typer.Exit


@app.callback()
def options(
    warehouse: Annotated[str | None, typer.Option(help="The DuckDB file (SETTLE_WAREHOUSE).")] = None,
    target: Annotated[str | None, typer.Option(help="The dbt target (SETTLE_TARGET).")] = None,
    config: Annotated[str | None, typer.Option(help="The folder of the configuration (SETTLE_CONFIG).")] = None,
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True)] = False,
) -> None:
    """Options go into the environment, so that dbt and child processes see the same."""
    for name, value in (("SETTLE_WAREHOUSE", warehouse), ("SETTLE_TARGET", target), ("SETTLE_CONFIG", config)):
        if value is not None:
            os.environ[name] = value


app.command("load")(load_command.load)
app.command("pull")(pull_command.pull)
app.command("run")(run_command.run)
app.command("status")(status_command.status)
app.command("explain")(explain_command.explain)
app.command("diff")(diff_command.diff)
app.command("quality")(quality_command.quality)
app.command("report")(report_command.report)
app.command("reset")(reset_command.reset)
app.command("resolve")(resolve_command.resolve)
app.command("export")(export_command.export)
app.add_typer(audit_command.app, name="audit")
app.command("payout")(payout_command.payout)
app.command("fix")(fix_command.fix)
app.command("shadow")(shadow_command.shadow)
app.command("calendar")(calendar_command.calendar)
app.add_typer(generate_command.app, name="generate")
app.command("demo")(demo_command.demo)
app.command("bench")(bench_command.bench)
app.add_typer(template_command.app, name="template")


def main() -> None:
    """Entry point of the installed command."""
    app()


if __name__ == "__main__":
    main()
