"""What a command says: results on stdout, progress and errors on stderr; a bar only where a terminal watches."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import typer


class Reporter(Protocol):
    """Takes the steps of a long piece of work: `step` names what starts now."""

    def step(self, text: str) -> None: ...


class SilentReporter:
    """Says nothing; for callers that print their own summary."""

    def step(self, text: str) -> None:
        return None


class LineReporter:
    """One plain line per step on stderr, so that a log shows where it stands."""

    def step(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class BarReporter:
    """A rich progress bar on stderr; `advance` counts steps against the total."""

    def __init__(self, progress: Any, task: Any) -> None:
        self.progress = progress
        self.task = task

    def step(self, text: str) -> None:
        self.progress.update(self.task, advance=1, description=text)


@contextmanager
def progress(title: str, steps: int) -> Iterator[Reporter]:
    """A bar of `steps` steps if stderr is a terminal, else plain lines."""
    if not sys.stderr.isatty():
        yield LineReporter()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield BarReporter(bar, bar.add_task(title, total=steps))


def say(text: str) -> None:
    """A line of the result, on stdout."""
    typer.echo(text)


def say_error(text: str) -> None:
    """A line for the person who has to act, on stderr."""
    typer.echo(text, err=True)


def say_json(value: Any) -> None:
    """The result as one JSON document on stdout; dates and decimals as text."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))
