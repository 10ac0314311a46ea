"""Tests by the examples of a rule, tests/rules/*.yml. Fixture `holds` (conftest) checks one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.rules.examples import EXAMPLES, Example

Check = Callable[[Example], None]


def examples_of(rule: str) -> pytest.MarkDecorator:
    """Each example of the rule as a test of its own; a rule without examples is an error."""
    examples = [example for example in EXAMPLES if example.rule == rule]
    assert examples, f"tests/rules has no example of {rule}"
    return pytest.mark.parametrize("example", examples, ids=[example.id for example in examples])
