"""The rule pages work with the numbers of the examples that are built and compared, tests/rules/*.yml."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from tests.rules.breaks import BREAKS
from tests.rules.examples import EXAMPLES

STEP = re.compile(
    r"^\*\*\[([A-Z0-9-]+)\]\((\w+\.md)#([a-z0-9-]+)\)\*\* (.+?)^\*Example\* (.+?)^\*Why\* (.+?)^\*Test\* `(\w+)`$",
    re.M | re.S,
)
PAGES = Path(__file__).resolve().parents[2] / "docs" / "rules"
CLEARING = ("sorting", "billing", "allocation", "combinations", "refunds", "corrections", "reset")
CLEARING_PAGE = (PAGES / "clearing.md").read_text(encoding="utf-8")
STEPS = STEP.findall(CLEARING_PAGE)


def test_every_rule_with_examples_has_its_test() -> None:
    """In one of the modules that build the examples."""
    modules = sorted((PAGES.parents[1] / "tests" / "warehouse").glob("test_*examples*.py"))
    written = "".join(module.read_text(encoding="utf-8") for module in modules)
    tests = {name.replace("_", "-").upper() for name in re.findall(r"^def test_(\w+)", written, re.M)}
    assert sorted(({example.rule for example in EXAMPLES} | set(BREAKS)) - tests) == []


def numbers_of(text: str) -> set[Decimal]:
    """The numbers of a text, without sign; 100 and 100.00 are the same."""
    return {Decimal(number) for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?", text)}


@pytest.mark.parametrize("rule", sorted({example.rule for example in EXAMPLES}))
def test_the_tables_of_a_page_hold_only_numbers_of_its_examples(rule: str) -> None:
    section = "".join(section_of(page, rule) for page in PAGES.glob("*.md"))
    examples = "\n".join(str(example) for example in EXAMPLES if example.rule == rule)
    assert "**Example**" in section and "**Why**" in section, f"{rule}: the page has no such section"
    assert f"test_{rule.lower().replace('-', '_')}" in section, f"{rule}: the page does not name its test"
    table = "\n".join(line for line in section.splitlines() if line.startswith("|"))
    strange = numbers_of(table) - numbers_of(examples)
    assert not strange, f"{rule}: no example holds {sorted(strange)}"


def section_of(page: Path, rule: str) -> str:
    """What the page says under the heading of the rule; empty where it has none."""
    return page.read_text(encoding="utf-8").partition(f"## {rule}\n")[2].partition("\n## ")[0]


def test_the_clearing_page_has_every_rule_of_clearing_once() -> None:
    entries = sorted((rule, page) for rule, page, *_ in STEPS)
    headed = [
        (rule, f"{name}.md")
        for name in CLEARING
        for rule in re.findall(r"^## ([A-Z0-9-]+)$", (PAGES / f"{name}.md").read_text(encoding="utf-8"), re.M)
    ]
    assert entries == sorted(headed)
    assert len(entries) == len(re.findall(r"^\*\*\[", CLEARING_PAGE, re.M)), (
        "an entry lacks its example, reason or test"
    )


@pytest.mark.parametrize("entry", STEPS, ids=[entry[0] for entry in STEPS])
def test_the_clearing_page_works_with_the_numbers_of_the_rules_examples(entry: tuple[str, ...]) -> None:
    rule, page, anchor, _, example, _, test = entry
    assert anchor == rule.lower()
    assert test == f"test_{rule.lower().replace('-', '_')}"
    examples = "\n".join(str(example) for example in EXAMPLES if example.rule == rule)
    strange = numbers_of(example) - numbers_of(examples) - numbers_of(section_of(PAGES / page, rule))
    assert numbers_of(example) and not strange, f"{rule}: neither its examples nor its page hold {sorted(strange)}"
