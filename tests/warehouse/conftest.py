"""Fixtures of the tests of state: a warehouse on a path of the process's own, and the demo built once for all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from settle.generate.demo import make_demo
from settle.settings import Settings
from tests.warehouse.company import Demo, at, build, emptied, isolated, load_days, once, read_marts, shared_base
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


@pytest.fixture(scope="session", params=["duckdb", "postgres"])
def shops(request: pytest.FixtureRequest, own_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Shops:
    """The small shop on one engine, built when it is first asked for."""
    server = request.getfixturevalue("postgres_server") if request.param == "postgres" else None
    return Shops(own_folder, tmp_path_factory.mktemp("shop") / "built", server)


@pytest.fixture
def here(shops: Shops) -> Iterator[Settings]:
    """The shop, built, in a warehouse that the test may change."""
    with pytest.MonkeyPatch.context() as patch:
        yield shops.fresh(patch)
