"""Each mistake that could be made in clearing or reconciliation is noticed, and by the test that is there for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.mutations import audit, clearing, payouts, reconciliation, relations, reports
from tests.mutations.conftest import NOTICED
from tests.mutations.harness import Laboratory, Mutation, assert_noticed

MUTATIONS = (
    *clearing.MUTATIONS,
    *reconciliation.MUTATIONS,
    *relations.MUTATIONS,
    *audit.MUTATIONS,
    *payouts.MUTATIONS,
    *reports.MUTATIONS,
)


def each(mutation: Mutation) -> object:
    """As a parameter. The few that need worlds go to one test process together."""
    marks = [pytest.mark.xdist_group("worlds")] if mutation.needs_worlds else []
    return pytest.param(mutation, id=mutation.name, marks=marks)


@pytest.mark.parametrize("mutation", [each(mutation) for mutation in MUTATIONS])
def test_noticed(
    mutation: Mutation, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    name = "worlds_laboratory" if mutation.needs_worlds else "examples_laboratory"
    name = "audit_laboratory" if mutation.caught_by.startswith("audit ") else name
    laboratory: Laboratory = request.getfixturevalue(name)
    noticed = laboratory.noticed_with(mutation)
    record_property(NOTICED, noticed)
    assert_noticed(mutation, noticed)
