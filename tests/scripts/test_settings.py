"""Settings: where things are, what the profile says, and what is said when it is not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from settle.cli import app
from settle.errors import DecisionNeededError, InputError, SettleError, TryAgainError
from settle.settings import Settings
from settle.warehouse import open_warehouse, to_percent_placeholders
from tests.conftest import CHECKOUT


def test_every_error_carries_its_exit_code() -> None:
    assert [kind.exit_code for kind in (SettleError, InputError, TryAgainError, DecisionNeededError)] == [1, 2, 3, 4]


def test_defaults(duckdb_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SETTLE_WAREHOUSE")
    settings = Settings.from_environment()
    assert settings.project_dir == CHECKOUT
    assert settings.warehouse_path == tmp_path / "warehouse" / "settlement.duckdb"
    assert settings.archive_dir == tmp_path / "warehouse" / "archive"
    assert settings.config_dir == CHECKOUT / "seeds" / "config"
    assert settings.template_dirs == (CHECKOUT / "seeds" / "templates",)
    assert (settings.time_zone, settings.schema_prefix, settings.target) == ("Asia/Shanghai", "", None)
    assert settings.connection()["type"] == "duckdb"


def test_the_environment_says_the_same_to_a_child(duckdb_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("own").mkdir()
    Path("config").mkdir()
    changed = {"SETTLE_TEMPLATES": "own", "SETTLE_CONFIG": "config", "SETTLE_TARGET": "duckdb",
               "SETTLE_SCHEMA_PREFIX": "x_", "SETTLE_TIME_ZONE": "Europe/Berlin", "SETTLE_ARCHIVE": "kept"}  # fmt: skip
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    settings = Settings.from_environment()
    assert settings.archive_dir == Path("kept").absolute()
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir("own")
    assert Settings.from_environment() == settings


def test_the_project_is_found_from_the_current_folder(
    duckdb_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SETTLE_PROJECT")
    # Outside any project it is the checkout that the package runs from.
    assert Settings.from_environment().project_dir == CHECKOUT
    (tmp_path / "dbt_project.yml").write_text('name: "settlement_warehouse"  # ours\n')
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "dbt_project.yml").write_text("name: another\n")
    monkeypatch.chdir(tmp_path / "deep" / "er")
    assert Settings.from_environment().project_dir == tmp_path


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        (
            "SETTLE_TIME_ZONE",
            "Mars/Base",
            "SETTLE_TIME_ZONE: 'Mars/Base' is no time zone. Use a name such as Asia/Shanghai.",
        ),
        ("SETTLE_SCHEMA_PREFIX", "a;b", "SETTLE_SCHEMA_PREFIX: 'a;b' is no schema prefix."),
        ("SETTLE_CONFIG", "gone", "--config: the folder "),
        ("SETTLE_TEMPLATES", "gone", "SETTLE_TEMPLATES: the folder "),
        ("SETTLE_PROJECT", "gone", "SETTLE_PROJECT: "),
        ("SETTLE_TARGET", "spark", "{profiles}: profile 'settlement' has no target 'spark'. It has: duckdb, postgres."),
    ],
)
def test_what_cannot_be_is_an_input_error(
    duckdb_settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError) as caught:
        Settings.from_environment().connection()
    assert str(caught.value).startswith(told.format(profiles=Path(os.environ["DBT_PROFILES_DIR"]) / "profiles.yml"))


def test_a_variable_that_the_profile_asks_for(duckdb_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    file = Path(os.environ["DBT_PROFILES_DIR"]) / "profiles.yml"
    file.write_text(
        "settlement:\n  target: main\n  outputs:\n    main: {type: postgres, port: \"{{ env_var('PORT_X', '5433') | "
        'as_number }}", host: "{{ env_var(\'HOST_X\') }}"}\n    odd: {type: spark}\n'
    )
    monkeypatch.setenv("HOST_X", "db")
    output = Settings.from_environment().connection()
    assert (output["host"], output["port"], output["target_name"]) == ("db", 5433, "main")
    monkeypatch.delenv("HOST_X")
    with pytest.raises(InputError, match="the environment variable HOST_X is not set"):
        Settings.from_environment().connection()
    monkeypatch.setenv("SETTLE_TARGET", "odd")
    with pytest.raises(InputError, match="has type 'spark'; use duckdb or postgres"):
        Settings.from_environment().connection()


def test_the_shipped_profile_serves_who_has_none(
    duckdb_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DBT_PROFILES_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    project = tmp_path / "project"
    project.mkdir()
    (project / "dbt_project.yml").write_text("name: settlement_warehouse\n")
    (project / "profiles.example.yml").write_text((CHECKOUT / "profiles.example.yml").read_text())
    monkeypatch.setenv("SETTLE_PROJECT", str(project))
    settings = Settings.from_environment()
    assert settings.profiles_dir is None and settings.connection()["type"] == "duckdb"
    (tmp_path / ".dbt").mkdir()
    (tmp_path / ".dbt" / "profiles.yml").write_text("other: {}\n")
    assert Settings.from_environment().profiles_dir is None
    (tmp_path / ".dbt" / "profiles.yml").write_text("settlement: {target: a, outputs: {a: {type: duckdb}}}\n")
    assert Settings.from_environment().profiles_dir == tmp_path / ".dbt"


def test_global_options_go_into_the_environment(duckdb_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SETTLE_TARGET", "duckdb")
    result = CliRunner().invoke(app, ["--target", "spark", "load", "orders", "x.csv"])
    assert result.exit_code == 2
    assert "has no target 'spark'" in result.stderr


def test_raw_tables_placeholders_and_transactions(any_settings: Settings) -> None:
    with open_warehouse(any_settings) as warehouse:
        warehouse.ensure_raw_tables()
        warehouse.ensure_raw_tables()
        assert warehouse.has_table("raw", "orders") and not warehouse.has_table("raw", "nothing")
        insert = "insert into raw.templates values (?, '100 % ?', 'b', now())"
        try:
            with warehouse.transaction():
                warehouse.execute(insert, ("a",))
                raise KeyError
        except KeyError:
            assert warehouse.execute("select count(*) from raw.templates") == [(0,)]
        with warehouse.transaction():
            warehouse.execute(insert, ("a",))
        assert warehouse.execute("select template, template_hash from raw.templates") == [("a", "100 % ?")]


def test_a_schema_prefix(any_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SETTLE_SCHEMA_PREFIX", "team_")
    with open_warehouse(Settings.from_environment()) as warehouse:
        warehouse.ensure_raw_tables()
        assert warehouse.schema("raw") == "team_raw"
        assert warehouse.execute("select count(*) from team_raw.orders") == [(0,)]


def test_reading_only_what_is_not_there(duckdb_settings: Settings) -> None:
    with pytest.raises(InputError, match=r"there is no warehouse yet\. Load a file first"):
        open_warehouse(duckdb_settings, read_only=True)
    Path(os.environ["SETTLE_WAREHOUSE"]).write_text("no database")
    with pytest.raises(InputError, match="is no DuckDB file"):
        open_warehouse(duckdb_settings)


def test_placeholders_for_postgres() -> None:
    assert to_percent_placeholders("a = ? and b like '%?' and \"c?\" = 5 % ?") == (
        "a = %s and b like '%%?' and \"c?\" = 5 %% %s"
    )
