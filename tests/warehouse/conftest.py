"""Fixtures: a warehouse on a path of the process's own; the demo and the rules' examples, each built once for all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from settle.generate.demo import make_demo
from settle.settings import Settings
from tests.rules.examples import EXAMPLES, Example
from tests.rules.warehouse import Found, from_json, to_json
from tests.rules.warehouse import build as build_examples
from tests.warehouse.company import (
    Demo,
    build,
    emptied,
    isolated,
    load_days,
    on_postgres,
    once,
    read_marts,
    shared_base,
)
from tests.warehouse.marts import mart_rows
from tests.warehouse.shop import Shops


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
    """The demo company's first days, all loaded and then built at once, by the first test process that asks."""

    def make(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            emptied(own_folder)
            settings = isolated(patch, own_folder)
            make_demo(folder / "files")
            load_days(settings, folder / "files")
            shutil.copyfile(settings.warehouse_path, folder / "loaded.duckdb")
            build(settings)
            shutil.copyfile(settings.warehouse_path, folder / "built.duckdb")
            (folder / "marts.json").write_text(json.dumps(mart_rows(settings)), encoding="utf-8")

    folder = once(shared_base(tmp_path_factory), "demo-built-once", make)
    marts = read_marts(folder / "marts.json")
    return Demo(folder / "files", folder / "loaded.duckdb", folder / "built.duckdb", marts)


@pytest.fixture
def loaded(home: Settings, demo: Demo) -> Settings:
    """Settings of a DuckDB warehouse that holds the demo's files, none of them built."""
    shutil.copyfile(demo.loaded, home.warehouse_path)
    return home


@pytest.fixture(scope="session")
def own_postgres_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `own_folder`, for the database of this test process."""
    return tmp_path_factory.mktemp("state-postgres")


@pytest.fixture
def postgres_home(postgres_server: dict[str, str], own_postgres_folder: Path) -> Iterator[Settings]:
    """Settings of an empty PostgreSQL database with the demo company's configuration."""
    with pytest.MonkeyPatch.context() as patch:
        emptied(own_postgres_folder)
        yield on_postgres(patch, own_postgres_folder, postgres_server, f"home_{os.getpid()}")


@pytest.fixture(params=["home", "postgres_home"], ids=["duckdb", "postgres"])
def any_home(request: pytest.FixtureRequest) -> Settings:
    """Each test once per engine."""
    settings: Settings = request.getfixturevalue(request.param)
    return settings


@pytest.fixture(scope="session")
def built_shops() -> dict[str, Shops]:
    """The shops of this process by engine: a session fixture with params is made anew whenever the engine changes."""
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
        # A DuckDB file serves all test processes; databases are of the server that each process has of its own.
        shared = tmp_path_factory.mktemp("shop") if server else shared_base(tmp_path_factory)
        built_shops[engine] = Shops(own_folder, shared, server)
    return built_shops[engine]


@pytest.fixture
def here(shops: Shops) -> Iterator[Settings]:
    """The shop, built, in a warehouse that the test may change."""
    with pytest.MonkeyPatch.context() as patch:
        yield shops.fresh(patch)


@pytest.fixture(scope="session", params=["duckdb", "postgres"])
def found(
    request: pytest.FixtureRequest,
    own_folder: Path,
    own_postgres_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Found:
    """What the marts hold of all examples, on one engine. Of several test processes the first builds."""
    engine: str = request.param

    def make(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            if engine == "postgres":
                emptied(own_postgres_folder)
                server = request.getfixturevalue("postgres_server")
                settings = on_postgres(patch, own_postgres_folder, server, f"home_{os.getpid()}")
            else:
                emptied(own_folder)
                settings = isolated(patch, own_folder)
            outcome = build_examples(settings, EXAMPLES, settings.warehouse_path.parent)
            (folder / "found.json").write_text(to_json(outcome), encoding="utf-8")
            if engine == "duckdb":
                shutil.copyfile(settings.warehouse_path, folder / settings.warehouse_path.name)

    folder = once(shared_base(tmp_path_factory), f"rule-examples-{engine}", make)
    kept = from_json((folder / "found.json").read_text(encoding="utf-8"))
    return replace(kept, warehouse=str(folder / Path(kept.warehouse).name))


@pytest.fixture
def holds(found: Found) -> Callable[[Example], None]:
    """Fails with what the marts hold otherwise than an example expects."""

    def check(example: Example) -> None:
        problems = found.problems(EXAMPLES.index(example), example)
        assert not problems, "\n".join(problems)

    return check
