"""The scenarios of docs/scenarios: numbers worked by hand, against oracle, both engines and the pages' commands."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from settle.settings import Settings
from tests.warehouse.company import CHECKOUT, build
from tests.warehouse.scenarios import (
    FOLDER,
    SCENARIOS,
    Scenario,
    differences,
    load_together,
    write_together,
)
from tests.warehouse.shop import told

each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
STEPS = ("export", "load", "run", "explain")
Named = tuple[str, str, str]  # order, rule or bearer, amount in minor units


@each_scenario
def test_the_oracle_says_what_was_worked_by_hand(scenario: Scenario) -> None:
    found = differences(scenario, scenario.told_by_oracle())
    assert not found, "\n".join(found)


def assert_worked_by_hand(here: Settings) -> None:
    """Fail with every row of the built warehouse that is not as expected."""
    found = [text for scenario in SCENARIOS for text in differences(scenario, scenario.told_by_warehouse(here))]
    assert not found, "\n".join(found)


def test_postgresql_holds_what_was_worked_by_hand(postgres_home: Settings) -> None:
    """All scenarios in one warehouse: none of them may touch another."""
    here = replace(postgres_home, config_dir=postgres_home.warehouse_path.parent / "scenarios-config")
    write_together(here.config_dir)
    load_together(here)
    build(here)
    assert_worked_by_hand(here)


def commands(page: str) -> list[str]:
    """The lines of the page's first block of commands."""
    return page.partition("```bash\n")[2].partition("\n```")[0].splitlines()


def test_the_commands_of_the_pages_give_what_was_worked_by_hand(
    duckdb_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pages' commands from the checkout, but into one warehouse: `settle run` once, after all files are loaded."""
    (tmp_path / "docs").symlink_to(CHECKOUT / "docs")
    write_together(tmp_path / "config")
    monkeypatch.setenv("SETTLE_CONFIG", str(tmp_path / "config"))
    lines = [shlex.split(line, comments=True) for scenario in SCENARIOS for line in commands(scenario.page)]
    for words in sorted(lines, key=lambda words: STEPS.index(words[1] if words[0] == "settle" else words[0])):
        if words[0] == "export":
            assert [word.partition("=")[0] for word in words[1:]] == ["SETTLE_CONFIG", "SETTLE_WAREHOUSE"]
            continue
        code, shown, error = told(*words[1:])
        assert code == 0, f"{words}\n{shown}{error}"
    assert_worked_by_hand(replace(duckdb_settings, config_dir=tmp_path / "config"))


@each_scenario
def test_every_page_has_the_same_commands(scenario: Scenario) -> None:
    """They differ by name, and by the order that is explained."""
    first = SCENARIOS[0]
    lines = [line.replace(scenario.name, first.name) for line in commands(scenario.page)]
    assert lines[:-1] == commands(first.page)[:-1]
    assert f"config SETTLE_WAREHOUSE=warehouse/{first.name}.duckdb" in lines[0]
    order_no = lines[-1].removeprefix("settle explain ")
    assert order_no in {row["order_no"] for row in scenario.expected()["clearing_details"]}


def tables(page: str) -> list[list[dict[str, str]]]:
    """The tables of a page, each as rows by the text of their header."""
    found: list[list[dict[str, str]]] = []
    for block in re.findall(r"(?:^\|.*\n)+", page, re.M):
        lines = [line.strip().strip("|").split("|") for line in block.splitlines()]
        header, _, *rows = [[cell.strip().strip("`") for cell in line] for line in lines]
        found.append([dict(zip(header, row, strict=True)) for row in rows])
    return found


def shown_on(scenario: Scenario, names: set[str]) -> Counter[Named]:
    """Amounts on the page: a column with the name of a rule or bearer shows what an order's row has of it."""
    shown: Counter[Named] = Counter()
    for table in tables(scenario.page):
        for row in table:
            for name in names & set(row):
                if row[name] not in ("", "0"):
                    shown[(row["order"].split()[0].strip("`"), name, row[name])] += 1
    return shown


@each_scenario
def test_the_tables_of_a_page_are_the_expected_rows(scenario: Scenario) -> None:
    expected = scenario.expected()
    fees = [(row["order_no"], row["rule_code"], row["fee_minor"]) for row in expected["clearing_details"]]
    shares = [(row["order_no"], row["bearer"], row["granted_minor"]) for row in expected["fee_allocations"]]
    worked = Counter(row for row in fees + shares if row[2] != "0")
    assert shown_on(scenario, {name for _, name, _ in worked}) == worked


@each_scenario
def test_the_bills_of_a_page_are_the_expected_rows(scenario: Scenario) -> None:
    bills = [row for table in tables(scenario.page) for row in table if "settlement_date" in row]
    assert set(bills[0]) <= set(scenario.columns("settlement_bills"))
    expected = [{name: row[name] for name in bills[0]} for row in scenario.expected()["settlement_bills"]]
    assert sorted(bills, key=str) == sorted(expected, key=str)


def test_every_scenario_is_on_the_first_page() -> None:
    first = (FOLDER / "README.md").read_text(encoding="utf-8")
    for scenario in SCENARIOS:
        assert f"]({scenario.name}/README.md)" in first
