"""Docs cannot drift: commands, models, rules and links are checked against what is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from settle.cli import app
from settle.demo import EXPECTED
from settle.explain.tree import money

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
MODELS = sorted((ROOT / "models").rglob("*.sql"))
DOMAINS = "SORT|BILL|ALLOC|COMB|CORR|REFUND|RESET|REC|SET|FUND|AUDIT|LEDGER|INV|LOAD|QUAL|SPV"
RULE = re.compile(rf"\b(?:{DOMAINS})-[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)*\b")


def commands(group: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that call it."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = list(commands(typer.main.get_command(app), ("settle",)))


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS])
def test_every_command_has_help_with_an_example(path: tuple[str, ...], command: Any) -> None:
    text = " ".join((command.help or "").split())
    assert f"Example: {' '.join(path)}" in text, f"help of {' '.join(path)}: {text!r}"
    for parameter in command.params:
        if parameter.name != "help":
            assert getattr(parameter, "help", None), f"{' '.join(path)}: {parameter.name} has no help"


@pytest.mark.parametrize("path", [path for path, _ in COMMANDS], ids=[" ".join(path) for path, _ in COMMANDS])
def test_every_command_is_in_the_command_page(path: tuple[str, ...]) -> None:
    assert f"`{' '.join(path)}" in (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def test_the_command_page_names_no_command_that_is_not_there() -> None:
    known = {path[1] for path, _ in COMMANDS}
    named = set(re.findall(r"`settle ([a-z]+)", (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")))
    assert named <= known


def yaml_of(model: Path) -> dict[str, Any]:
    file = model.with_suffix(".yml")
    assert file.is_file(), f"{model.relative_to(ROOT)} has no {file.name} beside it"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    entries: list[dict[str, Any]] = [entry for entry in content["models"] if entry["name"] == model.stem]
    assert len(entries) == 1, f"{file.name} must describe {model.stem}, once"
    return entries[0]


@pytest.mark.parametrize("model", MODELS, ids=[model.stem for model in MODELS])
def test_every_model_says_its_grain_first(model: Path) -> None:
    entry = yaml_of(model)
    assert re.match(r"One row per|One row ", entry.get("description", "")), (
        f"{model.stem}: {entry.get('description')!r}"
    )
    meta = (entry.get("config") or {}).get("meta") or {}
    assert meta.get("grain"), f"{model.stem}: config.meta.grain is missing"
    assert meta.get("owner"), f"{model.stem}: config.meta.owner is missing"


def test_every_yaml_of_a_model_has_its_model() -> None:
    others = {"groups.yml", "sources.yml", "exposures.yml"}
    orphans = [
        file.name
        for file in (ROOT / "models").rglob("*.yml")
        if file.name not in others and not file.with_suffix(".sql").is_file()
    ]
    assert orphans == []


def rules_used() -> dict[str, list[str]]:
    """Each rule id named in SQL, in a model's `rules` or in the package, with the files that name it."""
    found: dict[str, list[str]] = {}
    files = [
        *MODELS,
        *(ROOT / "macros").rglob("*.sql"),
        *(ROOT / "models").rglob("*.yml"),
        *(ROOT / "tests").rglob("*.sql"),
        *(ROOT / "scripts").rglob("*.py"),
    ]
    for file in files:
        for rule in RULE.findall(file.read_text(encoding="utf-8")):
            found.setdefault(rule, []).append(file.name)
    return found


def rule_pages() -> dict[str, str]:
    """Each rule id with the page that has its line; a rule has exactly one."""
    pages: dict[str, str] = {}
    for page in sorted((ROOT / "docs" / "rules").glob("*.md")):
        for line in page.read_text(encoding="utf-8").splitlines():
            head = re.match(r"(?:#+ |\| *|[-*] )[`*]*(" + RULE.pattern + r")", line)
            if head:
                assert head.group(1) not in pages, f"{head.group(1)} is explained twice: {page.name}"
                pages[head.group(1)] = page.name
    return pages


def all_test_names() -> str:
    """Names of dbt tests, unit tests, SQL tests and pytest functions, as one lower-case text."""
    names = [file.stem for file in (ROOT / "tests").rglob("*.sql")]
    for file in (ROOT / "models").rglob("*.yml"):
        names += re.findall(r"name: *([A-Za-z0-9_]+__[A-Za-z0-9_]+)", file.read_text(encoding="utf-8"))
    for file in (ROOT / "tests").rglob("*.py"):
        names += re.findall(r"def (test_\w+)", file.read_text(encoding="utf-8"))
    return "\n".join(names).lower()


RULES = rules_used()


@pytest.mark.parametrize("rule", sorted(RULES))
def test_every_rule_has_a_line_on_a_page(rule: str) -> None:
    assert rule in rule_pages(), f"{rule} ({', '.join(RULES[rule])}) has no line in docs/rules"


@pytest.mark.parametrize("rule", sorted(RULES))
def test_every_rule_has_a_test_named_with_it(rule: str) -> None:
    assert rule.replace("-", "_").lower() in all_test_names(), f"no test is named with {rule}"


def test_no_page_explains_a_rule_that_nothing_applies() -> None:
    assert sorted(set(rule_pages()) - set(RULES)) == []


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        if not file.exists():
            broken.append(target)
        elif anchor and file.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.M)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            if anchor not in slugs:
                broken.append(target)
    assert broken == []


def test_readme_starts_with_what_to_run_and_what_to_see() -> None:
    first_screen = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:40])
    for words in ("make demo", "make test", "explain A-0711"):
        assert words in first_screen


def test_the_numbers_of_the_readme_are_the_demos() -> None:
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    exponents = {"CNY": 2}
    for said in (
        f"{EXPECTED['orders cleared']} orders cleared",
        f"{grouped(money(EXPECTED['fees CNY'], 'CNY', exponents))} of fees",
        f"{grouped(money(EXPECTED['billed net CNY'], 'CNY', exponents))} billed",
        f"{EXPECTED['open in the error pool']} differences in the error pool",
    ):
        assert said in text, said


def grouped(text: str) -> str:
    """1234567.89 CNY as 1,234,567.89 CNY."""
    return re.sub(r"(?<=\d)(?=(\d{3})+\.)", ",", text)
