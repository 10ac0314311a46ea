"""Steps that the benchmark runs in a process of their own: `python -m settle.bench.child script|counting|build …`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import duckdb

from settle.dbt import run_dbt
from settle.errors import SettleError
from settle.settings import Settings


def run_script(database: Path, orders: Path, payments: Path, config: Path, options: dict[str, str]) -> dict[str, float]:
    """Run reference.sql on a new DuckDB file; `options` are the engine's, as in the profile. Seconds per statement."""
    seconds: dict[str, float] = {}
    with duckdb.connect(str(database), config=dict(options)) as connection:
        connection.execute("set enable_progress_bar = false")
        for name, value in (("orders_file", orders), ("payments_file", payments), ("config_dir", config)):
            connection.execute(f"set variable {name} = ?", [str(value)])
        text = Path(__file__).with_name("reference.sql").read_text(encoding="utf-8")
        for statement in connection.extract_statements(text):
            started = time.perf_counter()
            connection.execute(statement)
            lines = [line for line in statement.query.strip().splitlines() if line and not line.startswith("--")]
            seconds[lines[0]] = round(time.perf_counter() - started, 3)
    return seconds


def run_counting(database: Path, options: dict[str, str]) -> dict[str, object]:
    """Run counting.sql on a warehouse that is loaded, with the engine's `options`: seconds, and rows by result."""
    with duckdb.connect(str(database), read_only=True, config=dict(options)) as connection:
        connection.execute("set enable_progress_bar = false")
        text = Path(__file__).with_name("counting.sql").read_text(encoding="utf-8")
        started, cpu_started = time.perf_counter(), time.process_time()
        counts = dict(connection.execute(text).fetchall())
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    counted = {result: int(count) for result, count in sorted(counts.items())}
    return {"query_seconds": round(seconds, 3), "query_cpu_seconds": round(cpu_seconds, 3), "counts": counted}


class NodeCpu:
    """CPU seconds of this process from the start of each node to its end, by the node's name; one node at a time."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.started = 0.0

    def __call__(self, event: Any) -> None:
        """Take the time when dbt says that a node starts or has ended."""
        if event.info.name == "NodeStart":
            self.started = time.process_time()
        elif event.info.name == "NodeFinished":
            self.seconds[event.data.node_info.node_name] = time.process_time() - self.started


def run_build(arguments: list[str]) -> tuple[int, dict[str, object]]:
    """Run `dbt ARGUMENTS` for the warehouse of the environment: exit code, seconds of folders and of slow nodes."""
    watch = NodeCpu()
    outcome = run_dbt(Settings.from_environment(), arguments, show_progress=False, watch=watch)
    for failure in outcome.failures:
        print(failure, flush=True)
    groups: dict[str, float] = {}
    cpu_groups: dict[str, float] = {}
    for node in outcome.nodes:
        if node.kind == "model":
            group = "/".join(Path(node.file).parts[1:3])
            groups[group] = groups.get(group, 0.0) + node.seconds
            cpu_groups[group] = cpu_groups.get(group, 0.0) + watch.seconds.get(node.name, 0.0)
    slowest = sorted(outcome.nodes, key=lambda node: -node.seconds)[:25]
    return outcome.exit_code, {
        "dbt_seconds": round(outcome.seconds, 3),
        "node_seconds": round(sum(node.seconds for node in outcome.nodes), 3),
        "tests_passed": outcome.tests_passed,
        "group_seconds": {name: round(seconds, 3) for name, seconds in sorted(groups.items())},
        "group_cpu_seconds": {name: round(seconds, 3) for name, seconds in sorted(cpu_groups.items())},
        "slowest": {node.name: round(node.seconds, 3) for node in slowest},
    }


def main(arguments: list[str]) -> int:
    """Run one step and print its report as the last line."""
    try:
        if arguments[0] == "script":
            database, orders, payments, config = (Path(text) for text in arguments[1:5])
            print(json.dumps(run_script(database, orders, payments, config, json.loads(arguments[5]))))
            return 0
        if arguments[0] == "counting":
            print(json.dumps(run_counting(Path(arguments[1]), json.loads(arguments[2]))))
            return 0
        exit_code, report = run_build(arguments[1:])
    except SettleError as error:
        print(error)
        return error.exit_code
    print(json.dumps(report))
    return exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
