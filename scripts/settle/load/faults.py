"""A fault of a file: where it is, what is wrong, what to do; and how a list of them is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAX_SHOWN = 20


@dataclass(frozen=True)
class Fault:
    """One thing wrong. `line` 0 stands for the whole file. `text` says what is wrong with the value and what to do."""

    line: int
    code: str
    text: str
    column: str | None = None
    value: str | None = None
    raw_text: str | None = None
    order: int = 0

    def reason(self) -> str:
        """The sentence without file and line."""
        column = f'column "{self.column}": ' if self.column is not None else ""
        value = f"{quoted(self.value)} " if self.value is not None else ""
        return f"{column}{value}{self.text}"


@dataclass(frozen=True)
class Place:
    """Names lines of a file. `members`: (lines before it, name) of each file in a zip that holds several.

    `periods`: of a panel, whose rows are numbered line x periods + period; else 0.
    """

    file: str
    members: tuple[tuple[int, str], ...] = ()
    periods: int = 0

    def of(self, line: int) -> str:
        if line <= 0:
            return self.file
        period = ""
        if self.periods:
            line, number = divmod(line, self.periods)
            period = f" (period {number})"
        inside = [(before, name) for before, name in self.members if before < line]
        if not inside:
            return f"{self.file}:{line}{period}"
        before, name = inside[-1]
        return f"{self.file}:{line} ({name}:{line - before}){period}"


def quoted(value: str) -> str:
    """A value as a message shows it: on one line, cut after 80 characters."""
    return repr(value if len(value) <= 80 else value[:77] + "...")


def tell(place: Place, faults: Sequence[Fault], count: int, lines: int, command: str) -> str:
    """The message that refuses a file: up to 20 faults, how many there are, and what to do next.

    `count` and `lines` are the number of faults and of lines that have one; `command` loads the file again.
    """
    ordered = sorted(faults, key=lambda fault: (fault.line, fault.order))
    shown = ordered[:MAX_SHOWN]
    told = [f"{place.of(fault.line)}: {fault.reason()}" for fault in shown]
    if count > len(shown):
        told.append(f"{place.file}: and {count - len(shown)} more faults.")
    if lines == 0 or any(fault.line == 0 for fault in shown):
        told.append("Nothing was loaded. Fix the file and load it again.")
        return "\n".join(told)
    numbers = list(dict.fromkeys(fault.line for fault in shown))
    rejects = " ".join(f"--reject {number}" for number in numbers) if lines <= min(len(numbers), 5) else "--reject-bad"
    tail = "" if rejects == "--reject-bad" else " (or --reject-bad)"
    told.append(
        f"Nothing was loaded. {count} {'fault' if count == 1 else 'faults'} in {lines} "
        f"{'line' if lines == 1 else 'lines'}. Fix the file, or set lines aside: {command} {rejects}{tail}"
    )
    return "\n".join(told)
