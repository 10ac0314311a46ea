"""Mutations fit the models they change and name tests that there are. `make mutations` makes them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.mutations import audit, clearing, payouts, reconciliation, relations, reports
from tests.mutations.harness import Mutation, assert_noticed
from tests.oracle.compare import FULL_MARTS
from tests.rules.audit import CHECKS
from tests.rules.examples import EXAMPLES

ROOT = Path(__file__).resolve().parents[2]
MUTATIONS = (
    *clearing.MUTATIONS,
    *reconciliation.MUTATIONS,
    *relations.MUTATIONS,
    *audit.MUTATIONS,
    *payouts.MUTATIONS,
    *reports.MUTATIONS,
)
WHATEVER = Mutation("whatever", "models/m.sql", "a < b", "a <= b", "RULE_example")


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[mutation.name for mutation in MUTATIONS])
def test_fits(mutation: Mutation) -> None:
    text = (ROOT / mutation.file).read_text(encoding="utf-8")
    assert mutation.applied_to(text) != text
    invariants = re.findall(r"'(\w+)'(?: as invariant)?,", "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "models" / "intermediate" / "quality").glob("*.sql")
    ))  # fmt: skip
    known = {example.id for example in EXAMPLES}
    known |= {f"worlds {mart.name}" for mart in FULL_MARTS} | {f"invariant {name}" for name in invariants}
    known |= set(CHECKS)
    assert mutation.caught_by in known, f"mutation {mutation.name}: there is no {mutation.caught_by}"


def test_names_are_not_used_twice() -> None:
    names = [mutation.name for mutation in MUTATIONS]
    assert len(set(names)) == len(names)
    assert len(clearing.MUTATIONS) >= 18
    assert len(reconciliation.MUTATIONS) >= 15


@pytest.mark.parametrize(("text", "count"), [("a > b", 0), ("a < b and a < b", 2)])
def test_a_mutation_that_does_not_fit_any_more_says_so(text: str, count: int) -> None:
    with pytest.raises(AssertionError, match=rf"mutation whatever: its text stands {count} times in models/m.sql"):
        WHATEVER.applied_to(text)


def test_a_mutation_that_nobody_or_only_another_notices_is_a_failure() -> None:
    with pytest.raises(AssertionError, match="mutation whatever: nobody noticed"):
        assert_noticed(WHATEVER, [])
    with pytest.raises(AssertionError, match="RULE_example did not notice, only invariant x"):
        assert_noticed(WHATEVER, ["invariant x"])
    assert_noticed(WHATEVER, ["invariant x", "RULE_example"])
