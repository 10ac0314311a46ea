"""`settle template`: the file layouts that `settle load` knows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from settle.output import say, say_json
from settle.settings import Settings

app = typer.Typer(help="The file layouts that settle load knows.", no_args_is_help=True)


@app.command("list")
def list_templates(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Every template with its dataset. Example: settle template list"""
    from settle.load.catalog import all_templates

    templates = all_templates(Settings.from_environment())
    if as_json:
        say_json(
            [
                {"template": each.name, "dataset": each.dataset, "formats": each.formats, "about": each.description}
                for each in templates
            ]
        )
        return
    for each in templates:
        say(f"{each.dataset:<12} {each.name:<24} {','.join(each.formats):<24} {each.description}")


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="The template's name.")],
    dataset: Annotated[str | None, typer.Option(help="Where several datasets have a template of this name.")] = None,
) -> None:
    """The YAML of a template. Example: settle template show wechat_trade_bill"""
    from settle.load.catalog import template_named

    say(template_named(Settings.from_environment(), name, dataset).body.rstrip("\n"))


@app.command("download")
def download(
    name: Annotated[str, typer.Argument(help="The template's name, or a dataset for its canonical file.")],
    path: Annotated[Path, typer.Argument(help="The file to write: .csv or .xlsx.")],
    dataset: Annotated[str | None, typer.Option(help="Where several datasets have a template of this name.")] = None,
) -> None:
    """A blank upload file: the header and nothing else. Example: settle template download orders orders.xlsx"""
    from settle.load.catalog import template_named, write_blank

    settings = Settings.from_environment()
    write_blank(template_named(settings, name, dataset), path)
    say(f"{path} is written. Fill it and load it with settle load.")
