"""`settle demo`, end to end, and how it tells what is not as known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from settle.cli import app
from settle.demo import (
    EXPECTED,
    answer_differences,
    demo_settings,
    examples,
    number_differences,
    numbers_of,
    read_answers,
    run_demo,
    shown,
)
from settle.errors import InputError
from settle.output import SilentReporter
from settle.settings import Settings
from settle.warehouse import open_warehouse
from tests.warehouse.company import once, shared_base


@dataclass
class Ran:
    """One demo: its output and where its warehouse and files are."""

    output: str
    exit_code: int
    settings: Settings
    folder: Path


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    where = shared_base(tmp_path_factory) / "demo-that-ran"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SETTLE_WAREHOUSE", "SETTLE_CONFIG", "SETTLE_TARGET", "SETTLE_SCHEMA_PREFIX"):
            patch.delenv(name, raising=False)
        patch.setenv("SETTLE_WAREHOUSE", str(where / "new.duckdb"))

        def make(folder: Path) -> None:
            result = CliRunner().invoke(app, ["demo", "--keep", str(where / "files")])
            (folder / "ran.json").write_text(json.dumps([result.output, result.exit_code]), encoding="utf-8")

        output, exit_code = json.loads((once(where.parent, "demo-told", make) / "ran.json").read_text(encoding="utf-8"))
        yield Ran(output, exit_code, Settings.from_environment(), where / "files")


def test_the_demo_gives_the_known_numbers_and_says_where_to_look(ran: Ran) -> None:
    assert ran.exit_code == 0, ran.output
    lines = ran.output.splitlines()
    for name, value in EXPECTED.items():
        assert any(line.split() == [*name.split(), *shown(name, value).split()] for line in lines), name
    assert "all 62 planted breaks" in ran.output
    assert f"settle --warehouse {ran.settings.warehouse_path} status" in ran.output
    for order_no, _ in examples(read_answers(ran.folder / "answers.csv")):
        assert f"explain {order_no}" in ran.output


def test_amounts_are_shown_in_major_units_with_their_currency() -> None:
    assert shown("fees CNY", 1_352_811) == "13,528.11 CNY"
    assert shown("billed net JPY", 424_536) == "424,536 JPY"
    assert shown("fees borne by PLAT", -5) == "-0.05 CNY"
    assert shown("bills", 1_810) == "1,810"


def test_every_line_is_loaded_repeated_or_rejected_as_planted(ran: Ran) -> None:
    with open_warehouse(ran.settings, read_only=True) as warehouse:
        found = warehouse.execute(
            "select sum(rows_read), sum(rows_loaded), sum(rows_rejected), sum(rows_repeated) from raw.load_files"
        )
    written = sum(len(path.read_text(encoding="utf-8").splitlines()) - 1 for path in ran.folder.glob("*_2026-*.csv"))
    read, loaded, rejected, repeated = (int(value) for value in found[0])
    assert (read, rejected, repeated) == (written, 1, 3)
    assert read == loaded + rejected + repeated


def test_a_number_or_an_answer_that_is_not_as_known_is_named(ran: Ran, tmp_path: Path) -> None:
    text = (ran.folder / "answers.csv").read_text(encoding="utf-8")
    wrong = text.replace(",unknown_product,", ",no_model,")
    wrong = wrong.replace("currency_mismatch,error", "currency_mismatch,none", 1)
    (tmp_path / "answers.csv").write_text(wrong, encoding="utf-8")
    with open_warehouse(ran.settings, read_only=True) as warehouse:
        assert number_differences(EXPECTED, numbers_of(warehouse)) == []
        assert answer_differences(warehouse, ran.folder / "answers.csv") == []
        found = answer_differences(warehouse, tmp_path / "answers.csv")
    assert len(found) == 2
    assert "expected ('currency_mismatch', 'none', ''), got ('currency_mismatch', 'error', '')" in " ".join(found)
    assert "expected the exception no_model, got unknown_product" in " ".join(found)
    assert number_differences({"bills": 2, "gone": 1}, {"bills": 3, "new": 4}) == [
        "bills: expected 2, got 3",
        "gone: expected 1, got none",
        "new: expected none, got 4",
    ]


def test_a_warehouse_that_exists_is_never_added_to(ran: Ran) -> None:
    result = CliRunner().invoke(app, ["--warehouse", str(ran.settings.warehouse_path), "demo"])
    assert result.exit_code == 2
    assert "exists already, and the demo only fills a new warehouse" in result.output


def test_without_a_named_warehouse_the_demo_has_its_own_beside_yours(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SETTLE_WAREHOUSE")
    settings = demo_settings(Settings.from_environment())
    assert settings.warehouse_path == Path.cwd() / "warehouse" / "demo.duckdb"
    assert settings.config_dir == settings.project_dir / "seeds" / "config"


def test_a_profile_with_a_fixed_file_that_holds_data_is_refused(
    ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a profile ignores --warehouse: without the check the demo would load into the user's own warehouse."""
    profile = f"""
settlement:
  target: duckdb
  outputs:
    duckdb: {{type: duckdb, path: "{ran.settings.warehouse_path}", schema: main}}
"""
    (tmp_path / "profiles.yml").write_text(profile, encoding="utf-8")
    settings = replace(
        ran.settings, warehouse_path=tmp_path / "other.duckdb", profiles_dir=tmp_path, archive_dir=tmp_path / "archive"
    )
    with pytest.raises(InputError, match=r"holds 30 loaded files already, and the demo only fills a new one"):
        run_demo(settings, tmp_path / "files", SilentReporter())
    assert ran.settings.warehouse_path.exists()


def test_the_demo_gives_the_same_on_postgresql_and_refuses_a_second_time(postgres_settings: Settings) -> None:
    result = CliRunner().invoke(app, ["demo"])
    assert result.exit_code == 0, result.output
    assert "all 62 planted breaks" in result.output
    again = CliRunner().invoke(app, ["demo"])
    assert again.exit_code == 2
    assert "the warehouse of target 'postgres' holds 30 loaded files already" in again.output
