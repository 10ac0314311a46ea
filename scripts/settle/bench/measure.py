"""Measure a child process: wall seconds, CPU seconds and the peak of its resident memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from settle.errors import DecisionNeededError, InputError, SettleError, TryAgainError

ERRORS: dict[int, type[SettleError]] = {2: InputError, 3: TryAgainError, 4: DecisionNeededError}
SHOWN_LINES = 15


@dataclass(frozen=True)
class Measured:
    """One run of one step. `details` is what the step itself reports (its last line, as JSON), if anything."""

    step: str
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    details: dict[str, Any] = field(default_factory=dict)


def run_measured(step: str, arguments: Sequence[str], variables: Mapping[str, str], log: Path) -> Measured:
    """Run `python ARGUMENTS` with these variables added, its output appended to `log`, and measure it.

    Raises the error of its exit code, with the last lines of the output, when it fails.
    """
    start_of_output = log.stat().st_size if log.exists() else 0
    with log.open("ab") as output:
        started = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        # wait4 gives the peak of this very child, which RUSAGE_CHILDREN would mix with the children before it.
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    with log.open("rb") as output:
        output.seek(start_of_output)
        lines = output.read().decode("utf-8", "replace").splitlines()
    if child.returncode != 0:
        shown = "\n".join(lines[-SHOWN_LINES:])
        error = ERRORS.get(child.returncode, SettleError)
        raise error(f"the step {step!r} ended with {child.returncode}; its last lines (all in {log}):\n{shown}")
    peak = usage.ru_maxrss if sys.platform == "darwin" else usage.ru_maxrss * 1024
    return Measured(step, seconds, usage.ru_utime + usage.ru_stime, peak, _details(lines))


def _details(lines: Sequence[str]) -> dict[str, Any]:
    if lines and lines[-1].startswith("{"):
        try:
            found = json.loads(lines[-1])
        except json.JSONDecodeError:
            return {}
        return found if isinstance(found, dict) else {}
    return {}
