"""Run dbt in this process: environment, profile, progress, and outcomes turned into exit codes."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import logging
import os
import re
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from settle.dbt_steps import quick_steps
from settle.errors import InputError, TryAgainError
from settle.settings import SHIPPED_PROFILE, Settings
from settle.warehouse import NO_ROOM, open_warehouse

LOCK_HOLDER = re.compile(r"held in (?P<program>\S+) \(PID (?P<pid>\d+)\)")
LOCKED = re.compile(r"Could not set lock|Conflicting lock|already open in another|being used by another process", re.I)
UNREACHABLE = re.compile(
    r"Connection refused|could not connect to server|could not translate host|server closed the connection|"
    r"is the server running|connection timed out|terminating connection",
    re.I,
)
FAILED = ("error", "fail", "runtime error", "partial success")
BUILDING = ("build", "run", "seed", "test", "snapshot", "clone")
SECONDS_BETWEEN_LINES = 5.0
MOST_ROWS_TOLD = 10


@dataclass(frozen=True)
class NodeOutcome:
    """What became of one node. `rows` counts failing rows of a data test; `file` is relative to the project.

    `told` is what a failing test of the configuration says of its first rows, and then what to do.
    """

    name: str
    kind: str
    status: str
    message: str
    rows: int | None
    seconds: float
    file: str
    told: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether this node makes the run fail."""
        return self.status in FAILED


@dataclass(frozen=True)
class DbtOutcome:
    """The outcome of one dbt command: `failures` has one line for each node that failed, naming its file."""

    success: bool
    exit_code: int
    failures: list[str] = field(default_factory=list)
    nodes: list[NodeOutcome] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def tests_passed(self) -> int:
        """How many data tests and unit tests ran and held."""
        return sum(node.kind in ("test", "unit_test") and node.status in ("pass", "success") for node in self.nodes)

    @property
    def models_built(self) -> int:
        """How many models ran."""
        return sum(node.kind == "model" and node.status == "success" for node in self.nodes)


def run_dbt(
    settings: Settings, args: list[str], show_progress: bool = True, watch: Callable[[Any], None] | None = None
) -> DbtOutcome:
    """Run `dbt ARGS` against the warehouse of `settings`, in this process; `watch` is called with each of dbt's events.

    The caller must have closed its own connection to a DuckDB warehouse. Raises TryAgainError when the warehouse is
    locked, unreachable or out of room, InputError when the profile or target is wrong. A failing model or test is no
    exception: it is in the outcome, exit code 1 (2 where only configuration failed).
    """
    output = settings.connection()
    state = state_folder(settings)
    started = time.monotonic()
    variables = dbt_environment(settings, state)
    with (
        warnings.catch_warnings(),
        _silent_about_its_log(),
        _environment(variables),
        _one_at_a_time(settings, output, args),
        _no_collections(),
        _progress(show_progress) as progress,
    ):
        from dbt.cli.main import dbtRunner

        here = Path.cwd()
        # dbt's CSV reader warns of every declared column that a configuration file leaves out, which it may.
        warnings.filterwarnings("ignore", category=RuntimeWarning, module="agate")
        try:
            _forget_outdated_project(settings, variables)
            command = [*_arguments(settings, state), *args]
            with quick_steps():
                result = dbtRunner(callbacks=[progress, *([watch] if watch else [])]).invoke(
                    _command_first(command, args)
                )
        finally:
            os.chdir(here)
            _close_duckdb()
    return _outcome(settings, state, result, time.monotonic() - started)


def state_folder(settings: Settings) -> Path:
    """Where dbt keeps its parsed project and logs: beside the warehouse, one folder for each warehouse.

    Two runs on different warehouses must not share it: dbt would take the other's half-written files for its own.
    """
    output = settings.connection()
    parts = [str(output.get(key, "")) for key in ("type", "path", "host", "port", "dbname", "target_name")]
    parts += [str(settings.warehouse_path), settings.schema_prefix, str(settings.config_dir), str(settings.project_dir)]
    name = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
    return settings.warehouse_path.parent / "dbt" / name


def dbt_environment(settings: Settings, state: Path) -> dict[str, str]:
    """The variables dbt needs; what the user has set for dbt's own folders stays."""
    variables = settings.environment()
    variables.setdefault("DBT_TARGET_PATH", os.environ.get("DBT_TARGET_PATH", str(state / "target")))
    variables.setdefault("DBT_LOG_PATH", os.environ.get("DBT_LOG_PATH", str(state / "logs")))
    variables.setdefault("SETTLE_SPILL", os.environ.get("SETTLE_SPILL", str(settings.warehouse_path.parent / "spill")))
    variables["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    variables["SETTLE_CONFIG"] = _configuration_folder(settings, state)
    variables.setdefault("DBT_PROFILES_DIR", str(_shipped_profile_folder(settings, state)))
    return variables


def _shipped_profile_folder(settings: Settings, state: Path) -> Path:
    if settings.profiles_dir is not None:
        return settings.profiles_dir
    folder = state / "profile"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(settings.project_dir / SHIPPED_PROFILE, folder / "profiles.yml")
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written ({error.strerror}). Name a writable --warehouse FILE."
        ) from error
    return folder


def _configuration_folder(settings: Settings, state: Path) -> str:
    """The configuration folder as dbt may have it: relative to the project, or a copy in the state folder.

    dbt writes the SQL it ran under its target folder joined with the path of the seed file. An absolute path wins that
    join, so dbt would write over the user's own CSV files.
    """
    if settings.config_dir.is_relative_to(settings.project_dir):
        return settings.config_dir.relative_to(settings.project_dir).as_posix()
    copy = state / "config"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    for file in sorted(settings.config_dir.iterdir()):
        if file.suffix in (".csv", ".yml"):
            shutil.copyfile(file, copy / file.name)
    return str(copy)


def _forget_outdated_project(settings: Settings, variables: Mapping[str, str]) -> None:
    """Have dbt read the project anew when a configuration file was added or taken away since it last did.

    A table comes from the folder or, where it lacks it, from the shipped package; dbt keeps which of them a model reads
    and would not find it again.
    """
    target = Path(variables["DBT_TARGET_PATH"])
    names = "\n".join(sorted(file.name for file in settings.config_dir.glob("*.csv")))
    listing = target / "configuration_files.txt"
    if listing.exists() and listing.read_text(encoding="utf-8") == names:
        return
    (target / "partial_parse.msgpack").unlink(missing_ok=True)
    target.mkdir(parents=True, exist_ok=True)
    listing.write_text(names, encoding="utf-8")


def _arguments(settings: Settings, state: Path) -> list[str]:
    profiles = settings.profiles_dir or state / "profile"
    options = ["--project-dir", str(settings.project_dir), "--profiles-dir", str(profiles)]
    options += ["--target", settings.target] if settings.target else []
    # dbt's JSON files are for other programs; nothing here reads them, and writing them slows every build.
    return [*options, "--log-level", "none", "--log-level-file", "info", "--no-version-check", "--no-write-json"]


def _command_first(command: list[str], args: list[str]) -> list[str]:
    """dbt wants its command before the options of that command."""
    options = command[: len(command) - len(args)]
    return [args[0], *options, *args[1:]]


@contextlib.contextmanager
def _no_collections() -> Iterator[None]:
    """No garbage collection meanwhile: dbt keeps the project it has read, and looking for cycles in it again and again
    takes a tenth of the time of a build that has little to do.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _silent_about_its_log() -> Iterator[None]:
    """On a full disk dbt's log cannot be written either; each line of it would print a traceback above our message."""
    before = logging.raiseExceptions
    logging.raiseExceptions = False
    try:
        yield
    finally:
        logging.raiseExceptions = before


@contextlib.contextmanager
def _one_at_a_time(settings: Settings, output: dict[str, Any], args: list[str]) -> Iterator[None]:
    """On PostgreSQL keep loads and other builds out: two builds at once would write each batch twice, and a file that
    loads into a batch while it closes would never be built. DuckDB's own file lock prevents both there.
    """
    if output["type"] != "postgres" or args[0] not in BUILDING:
        yield
        return
    with open_warehouse(settings) as warehouse, warehouse.exclusive():
        yield


def _close_duckdb() -> None:
    """dbt-duckdb keeps its file open after a run: the next command of this process could not open it otherwise."""
    module = sys.modules.get("dbt.adapters.duckdb.connections")
    if module is None:
        return
    manager = module.DuckDBConnectionManager
    if manager._ENV is not None:
        with contextlib.suppress(Exception):
            manager._ENV.close()
    manager.close_all_connections()


def _outcome(settings: Settings, state: Path, result: Any, seconds: float) -> DbtOutcome:
    if result.exception is not None:
        if isinstance(result.exception, (KeyboardInterrupt, SystemExit)):
            raise result.exception
        message = _plain(str(result.exception))
        _raise_if_not_ours(settings, message)
        return DbtOutcome(False, 1, [message], [], seconds)
    nodes = [_node_outcome(settings, state, entry) for entry in getattr(result.result, "results", None) or []]
    failed = [node for node in nodes if node.failed]
    for node in failed:
        _raise_if_not_ours(settings, node.message)
    if result.success:
        return DbtOutcome(True, 0, [], nodes, seconds)
    failures = [failure_line(node) for node in failed] or ["dbt failed and named no node; see the log"]
    return DbtOutcome(False, 2 if failed and all(map(_is_configuration, failed)) else 1, failures, nodes, seconds)


def failure_line(node: NodeOutcome) -> str:
    """One line for a node that failed: what, where, why."""
    if node.kind == "test" and node.rows:
        why = "\n    ".join([f"{node.rows} failing row{'s' if node.rows != 1 else ''}", *node.told])
    else:
        kept = [line.strip() for line in node.message.split("\n  compiled code at")[0].splitlines()]
        why = "\n    ".join(line for line in kept if line and not line.startswith("> "))
    return f"{node.kind} {node.name} ({node.file}): {why}"


def _is_configuration(node: NodeOutcome) -> bool:
    """Configuration that is wrong is the user's to mend (exit 2): a seed that does not load, a test of its tables."""
    named = node.kind == "test" and node.name.startswith(("stg_config__", "config__"))
    return node.kind == "seed" or named or bool(node.told)


def _node_outcome(settings: Settings, state: Path, entry: Any) -> NodeOutcome:
    node = entry.node
    copy = str(state / "config")
    shown = str(settings.config_dir)
    return NodeOutcome(
        name=str(getattr(node, "name", "")),
        kind=str(getattr(node, "resource_type", "")),
        status=str(entry.status),
        message=_plain(str(entry.message or "")).replace(copy, shown),
        rows=entry.failures,
        seconds=float(entry.execution_time),
        file=str(getattr(node, "original_file_path", "")).replace(copy, shown),
        told=_told(settings, entry),
    )


def _told(settings: Settings, entry: Any) -> tuple[str, ...]:
    """The first rows that a failing test of the configuration finds, as text, and what its `meta` says to do."""
    meta = getattr(getattr(entry.node, "config", None), "meta", None) or {}
    if meta.get("about") != "configuration" or not entry.failures:
        return ()
    with open_warehouse(settings, read_only=True) as warehouse:
        found = warehouse.execute(f"select * from (\n{entry.node.compiled_code}\n) as found")
    rows = sorted(" ".join(str(value) for value in row if value not in (None, "")) for row in found)
    more = [f"and {len(rows) - MOST_ROWS_TOLD} more"] if len(rows) > MOST_ROWS_TOLD else []
    return (*rows[:MOST_ROWS_TOLD], *more, str(meta["action"]))


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text).strip()


def _raise_if_not_ours(settings: Settings, message: str) -> None:
    """Raises for what has nothing to do with models or data: locked, unreachable, full, profile."""
    where = settings.connection().get("path") or "the database"
    holder = LOCK_HOLDER.search(message)
    if holder:
        program = Path(holder["program"]).name
        raise TryAgainError(
            f"{where}: the warehouse is locked by process {holder['pid']} ({program}). "
            "Wait until it ends, then run again; what was built before stays."
        )
    if LOCKED.search(message):
        raise TryAgainError(f"{where}: the warehouse is in use. Run again when it is free. ({_first_line(message)})")
    if UNREACHABLE.search(message):
        raise TryAgainError(f"the database cannot be reached: {_first_line(message)}. Start it, then run again.")
    if NO_ROOM.search(message):
        raise TryAgainError(
            f"no room left: {_first_line(message)}. Free disk space near {where} or name another spill folder with "
            "SETTLE_SPILL, then run again; batches that were built stay."
        )
    if "Could not find profile named" in message or "does not have a target named" in message:
        raise InputError(f"{settings.profile_file}: {_first_line(message)}. Compare with {SHIPPED_PROFILE}.")


def _first_line(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip() and not line.startswith("Runtime Error")]
    return lines[0] if lines else message


class _LineWatch:
    """Plain lines on stderr, one every few seconds, so that a log shows where a long build stands."""

    def __init__(self) -> None:
        self.done = 0
        self.total = 0
        self.last = time.monotonic()

    def __call__(self, event: Any) -> None:
        if event.info.name == "LogStartLine" and event.data.total:
            self.total = max(self.total, int(event.data.total))
        if event.info.name == "NodeFinished":
            self.done += 1
            if self.total and time.monotonic() - self.last >= SECONDS_BETWEEN_LINES:
                self.last = time.monotonic()
                print(f"  {min(self.done, self.total)} of {self.total} done", file=sys.stderr, flush=True)


class _BarWatch:
    """A rich bar: nodes done of all, and the one that runs."""

    def __init__(self, bar: Any) -> None:
        self.bar = bar
        self.task = bar.add_task("dbt reads the project", total=None)

    def __call__(self, event: Any) -> None:
        if event.info.name == "LogStartLine":
            name = event.data.node_info.node_name
            self.bar.update(self.task, total=int(event.data.total), description=name[:50])
        if event.info.name == "NodeFinished":
            self.bar.advance(self.task)


@contextlib.contextmanager
def _progress(show: bool) -> Iterator[Callable[[Any], None]]:
    if not show:
        yield lambda event: None
        return
    if not sys.stderr.isatty():
        yield _LineWatch()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<50}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _BarWatch(bar)
