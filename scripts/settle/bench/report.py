"""Measurements as figures and as lines for a person."""

from __future__ import annotations

import statistics
from typing import Any

from settle.bench.measure import Measured
from settle.bench.run import (
    BUILD,
    BUILD_IDLE,
    BUILD_TESTED,
    LOAD,
    PARSE,
    SCRIPT,
    batch_seconds,
    clearing_seconds,
    gib,
    machine,
    medians,
)
from settle.generate.reference_config import Shape


def machine_line() -> str:
    """One line on the machine the figures come from."""
    found = machine()
    return (
        f"{found['cores']} cores, {found['memory_gib']} GiB, Python {found['python']}, DuckDB {found['duckdb']}, "
        f"load average {found['load_average']}"
    )


def day_figures(measured: list[Measured], orders: int) -> dict[str, Any]:
    """The table of one day: medians of wall and CPU seconds, rows per second, peak memory, the ratios to the script."""
    wall, cpu = medians(measured), medians(measured, "cpu_seconds")
    lines = [f"{'step':<24}{'seconds':>10}{'CPU s':>10}{'orders/s':>12}{'peak GiB':>10}"]
    for name in (SCRIPT, LOAD, PARSE, BUILD, BUILD_TESTED, BUILD_IDLE):
        peak = max(step.peak_bytes for step in measured if step.step == name or step.step.startswith(f"{name} "))
        rate = "" if name in (PARSE, BUILD_IDLE) else f"{round(orders / wall[name]):,}"
        lines.append(f"{name:<24}{wall[name]:>10.1f}{cpu[name]:>10.1f}{rate:>12}{gib(peak):>10}")
    ratios = {name: (of[LOAD] + of[BUILD]) / of[SCRIPT] for name, of in (("wall", wall), ("cpu", cpu))}
    first = {name: ratios[name] + of[PARSE] / of[SCRIPT] for name, of in (("wall", wall), ("cpu", cpu))}
    told = (("(load + build) / script", ratios), ("with the first parse, once for a warehouse", first))
    lines += [f"{name}: {of['wall']:.2f} in wall seconds, {of['cpu']:.2f} in CPU seconds" for name, of in told]
    return {
        "wall_seconds": wall,
        "cpu_seconds": cpu,
        "ratios": ratios,
        "ratios_with_first_parse": first,
        "peak_bytes": max(step.peak_bytes for step in measured),
        "lines": lines,
    }


def clearing_figures(measured: list[Measured]) -> dict[str, Any]:
    """Median seconds of clearing alone by shape; ratios of two levels to the script, of redistribution to ratio."""
    by_step: dict[str, list[float]] = {}
    for step in measured:
        if not step.step.startswith(LOAD):
            by_step.setdefault(step.step, []).append(clearing_seconds(step))
    seconds = {name: statistics.median(values) for name, values in by_step.items()}
    levels, ratio, again = (seconds[f"{BUILD}, {shape}"] for shape in (Shape.LEVELS, Shape.RATIO, Shape.REDISTRIBUTE))
    ratios = {"levels / script": levels / seconds[SCRIPT], "redistribute / ratio": again / ratio}
    lines = [f"{'clearing alone':<24}{'seconds':>10}"]
    lines += [f"{name:<24}{value:>10.1f}" for name, value in seconds.items()]
    lines += [f"{name}: {value:.2f}" for name, value in ratios.items()]
    peak = max(step.peak_bytes for step in measured)
    return {"clearing_seconds": seconds, "ratios": ratios, "peak_bytes": peak, "lines": lines}


def batch_figures(measured: list[Measured]) -> dict[str, Any]:
    """The seconds of every batch, and the last against the second: alone, and as medians of three neighbours."""
    wall, cpu = batch_seconds(measured), batch_seconds(measured, "cpu_seconds")
    idle = next(step for step in measured if step.step == BUILD_IDLE)
    lines = [f"batch {number:>3}: {value:>7.2f} s" for number, value in enumerate(wall, start=1)]
    figures: dict[str, Any] = {"wall_seconds": wall, "cpu_seconds": cpu, "idle_seconds": idle.seconds}
    for name, values in (("wall", wall), ("cpu", cpu)):
        figures[f"ratio_{name}"] = values[-1] / values[1]
        lines.append(f"batch {len(values)} / batch 2, {name} seconds: {values[-1] / values[1]:.2f}")
        if len(values) >= 7:
            early, late = statistics.median(values[1:4]), statistics.median(values[-3:])
            figures[f"ratio_{name}_medians"] = late / early
            lines.append(f"medians of the last three / of batches 2 to 4, {name} seconds: {late / early:.2f}")
    lines.append(f"{BUILD_IDLE}: {idle.seconds:.1f} s")
    return {**figures, "lines": lines}
