"""The laboratories, each opened when the first mutation needs it; and who noticed what, told at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.mutations.harness import AuditLaboratory, ExamplesLaboratory, Laboratory, WorldsLaboratory
from tests.warehouse.company import isolated

NOTICED = "noticed by"
MOST_SHOWN = 3


@pytest.fixture(scope="session")
def examples_laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """The project with all rule examples."""
    yield from opened(ExamplesLaboratory, tmp_path_factory)


@pytest.fixture(scope="session")
def worlds_laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """The project with random worlds."""
    yield from opened(WorldsLaboratory, tmp_path_factory)


@pytest.fixture(scope="session")
def audit_laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """The project with a small shop and an audit journal."""
    yield from opened(AuditLaboratory, tmp_path_factory)


def opened(kind: type[Laboratory], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """A laboratory in a folder of its own. Fails when somebody notices a mistake before one is made."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("laboratory")
        laboratory = kind(isolated(patch, folder), folder)
        noticed = laboratory.noticed()
        assert not noticed, f"the project as it is does not pass, so mutations of it show nothing: {noticed}"
        yield laboratory


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """For each mutation the first of those who noticed it."""
    told = [
        (report.nodeid, dict(report.user_properties)[NOTICED])
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call" and NOTICED in dict(report.user_properties)
    ]
    if told:
        terminalreporter.section("who noticed")
    for nodeid, names in sorted(told):
        first, more = names[:MOST_SHOWN], len(names) - MOST_SHOWN
        shown = ", ".join(first) + (f" and {more} more" if more > 0 else "") or "nobody"
        terminalreporter.write_line(f"{nodeid.partition('[')[2].removesuffix(']')}: {shown}")
