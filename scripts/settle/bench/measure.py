"""Measure a child process: wall seconds, CPU seconds and the peak of its resident memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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
    report = log.with_suffix(".measured.json")
    report.unlink(missing_ok=True)
    launcher = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py")), str(report)]
    with log.open("ab") as output:
        ended = subprocess.run(
            [*launcher, sys.executable, *arguments],
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    with log.open("rb") as output:
        output.seek(start_of_output)
        lines = output.read().decode("utf-8", "replace").splitlines()
    if ended.returncode != 0:
        shown = "\n".join(lines[-SHOWN_LINES:])
        error = ERRORS.get(ended.returncode, SettleError)
        raise error(f"the step {step!r} ended with {ended.returncode}; its last lines (all in {log}):\n{shown}")
    found = json.loads(report.read_text(encoding="utf-8"))
    report.unlink()
    return Measured(
        step, float(found["seconds"]), float(found["cpu_seconds"]), int(found["peak_bytes"]), _details(lines)
    )


def _details(lines: Sequence[str]) -> dict[str, Any]:
    if lines and lines[-1].startswith("{"):
        try:
            found = json.loads(lines[-1])
        except json.JSONDecodeError:
            return {}
        return found if isinstance(found, dict) else {}
    return {}
