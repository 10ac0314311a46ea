"""Fixtures: a warehouse on a path of the process's own; the demo and the rules' examples, each built once for all."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from settle.generate.demo import make_demo
from settle.settings import Settings
from tests.rules.examples import EXAMPLES, Example
from tests.rules.warehouse import Found, from_json, to_json
from tests.rules.warehouse import build as build_examples
from tests.warehouse.company import Demo, at, build, emptied, isolated, load_days, once, read_marts, shared_base
from tests.warehouse.marts import mart_rows
from tests.warehouse.shop import Shops

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def own_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this test process whose warehouse path stays the same, so that dbt parses the project once."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture
def home(own_folder: Path) -> Iterator[Settings]:
    """Settings of an empty DuckDB warehouse with the demo company's configuration."""
    with pytest.MonkeyPatch.context() as patch:
        emptied(own_folder)
        yield isolated(patch, own_folder)


@pytest.fixture(scope="session")
def demo(own_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demo company's ten days, all loaded and then built at once, by the first test process that asks."""

    def make(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            emptied(own_folder)
            settings = isolated(patch, own_folder)
            make_demo(folder / "files")
            load_days(settings, folder / "files")
            shutil.copyfile(settings.warehouse_path, folder / "loaded.duckdb")
            build(settings)
            (folder / "marts.json").write_text(json.dumps(mart_rows(settings)), encoding="utf-8")

    folder = once(shared_base(tmp_path_factory), "demo-built-once", make)
    return Demo(folder / "files", folder / "loaded.duckdb", read_marts(folder / "marts.json"))


@pytest.fixture
def loaded(home: Settings, demo: Demo) -> Settings:
    """Settings of a DuckDB warehouse that holds the demo's files, none of them built."""
    shutil.copyfile(demo.loaded, home.warehouse_path)
    return home


@pytest.fixture
def postgres_home(postgres_settings: Settings, tmp_path: Path) -> Settings:
    """Settings of an empty PostgreSQL database with the demo company's configuration."""
    return replace(at(postgres_settings, tmp_path / "warehouse"), target="postgres")


@pytest.fixture(scope="session")
def built_shops() -> dict[str, Shops]:
    """The shops of this test process by engine: a session fixture with params is made anew when the engine changes."""
    return {}


@pytest.fixture(params=["duckdb", "postgres"])
def shops(
    request: pytest.FixtureRequest,
    built_shops: dict[str, Shops],
    own_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Shops:
    """The small shop on one engine, built when it is first asked for."""
    engine: str = request.param
    if engine not in built_shops:
        server = request.getfixturevalue("postgres_server") if engine == "postgres" else None
        built_shops[engine] = Shops(own_folder, tmp_path_factory.mktemp("shop") / "built", server)
    return built_shops[engine]


@pytest.fixture
def here(shops: Shops) -> Iterator[Settings]:
    """The shop, built, in a warehouse that the test may change."""
    with pytest.MonkeyPatch.context() as patch:
        yield shops.fresh(patch)


@pytest.fixture(scope="session", params=["duckdb", "postgres"])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What the marts hold of all examples, on one engine. Of several test processes the first builds."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    engine: str = request.param
    kept = shared / f"rule-examples-{engine}.json"
    with (shared / f"rule-examples-{engine}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            server = request.getfixturevalue("postgres_server") if engine == "postgres" else {}
            with _settings(tmp_path_factory.mktemp("examples"), server) as settings:
                outcome = build_examples(settings, EXAMPLES, settings.warehouse_path.parent)
            kept.write_text(to_json(outcome), encoding="utf-8")
    return from_json(kept.read_text(encoding="utf-8"))


@contextmanager
def _settings(folder: Path, server: dict[str, str]) -> Iterator[Settings]:
    """Settings of an empty warehouse in the folder, or of an empty database of the server."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("SETTLE_", "DBT_"))]:
            patch.delenv(name)
        (folder / "profiles").mkdir()
        shutil.copyfile(CHECKOUT / "profiles.example.yml", folder / "profiles" / "profiles.yml")
        variables = {
            "SETTLE_PROJECT": str(CHECKOUT),
            "DBT_PROFILES_DIR": str(folder / "profiles"),
            "SETTLE_WAREHOUSE": str(folder / "examples.duckdb"),
            "SETTLE_SPILL": str(folder / "spill"),
        }
        if server:
            database = f"examples_{os.getpid()}"
            variables |= {**server, "SETTLE_PG_DATABASE": database, "SETTLE_TARGET": "postgres"}
            with psycopg.connect(
                host=server["SETTLE_PG_HOST"],
                port=int(server["SETTLE_PG_PORT"]),
                user=server["SETTLE_PG_USER"],
                password=server["SETTLE_PG_PASSWORD"],
                dbname="postgres",
                autocommit=True,
            ) as connection:
                connection.execute(f"create database {database}".encode())
        for name, value in variables.items():
            patch.setenv(name, value)
        yield Settings.from_environment()


@pytest.fixture
def holds(found: Found) -> Callable[[Example], None]:
    """Fails with what the marts hold otherwise than an example expects."""

    def check(example: Example) -> None:
        problems = found.problems(EXAMPLES.index(example), example)
        assert not problems, "\n".join(problems)

    return check
