"""dbt keeps its parsed project: the second start reads it instead of all files, which is seconds of every command."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import dbt.cli.main
import pytest

from settle.dbt import run_dbt
from settle.settings import Settings


def events_of(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What dbt says while it reads the project: event name and message."""
    heard: dict[str, str] = {}

    def hear(event: Any) -> None:
        heard[event.info.name] = event.info.msg

    class Listening(dbt.cli.main.dbtRunner):
        def __init__(self, callbacks: list[Any]) -> None:
            super().__init__(callbacks=[*callbacks, hear])

    with monkeypatch.context() as patch:
        patch.setattr("dbt.cli.main.dbtRunner", Listening)
        assert run_dbt(settings, ["parse"], show_progress=False).success
    return heard


@pytest.mark.parametrize("config", ["shipped", "own"])
def test_the_second_start_finds_the_parsed_project(
    duckdb_settings: Settings, tmp_path: Path, config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What dbt takes for a properties file and can't keep makes it throw its parsed project away, without a word."""
    settings = duckdb_settings
    if config == "own":
        shutil.copytree(settings.config_dir, tmp_path / "config")
        settings = replace(settings, config_dir=tmp_path / "config")
    first = events_of(settings, monkeypatch)
    assert "saved manifest not found" in first["UnableToPartialParse"]
    second = events_of(settings, monkeypatch)
    lost = {name: told for name, told in second.items() if name in ("UnableToPartialParse", "ParsedFileLoadFailed")}
    assert lost == {}
    assert "PartialParsingSkipParsing" in second
