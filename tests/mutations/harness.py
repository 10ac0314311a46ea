"""Changes one text of the dbt project, builds what depends on it, and says who noticed.

Nothing of the checkout is changed: the project is copied, and a warehouse is loaded and built by it once. Each mutation
begins with a copy of that warehouse and builds anew only what its text is part of. There are two such warehouses: of
the examples of tests/rules, where most mistakes show, and of random worlds that the oracle knows, for all others.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from settle.audit.desk import write as write_journal
from settle.dbt import run_dbt, state_folder
from settle.settings import Settings
from settle.warehouse import Warehouse, open_warehouse
from tests.oracle import hand
from tests.oracle.compare import FULL_MARTS, compare_worlds
from tests.oracle.world import World
from tests.oracle.worlds import calendar, make_world, write_config
from tests.rules import audit
from tests.rules.examples import EXAMPLES, worlds_of
from tests.rules.warehouse import Found, load_examples, rows_of_examples
from tests.warehouse.test_oracle_agrees import load as load_worlds

CHECKOUT = Path(__file__).resolve().parents[2]
# What dbt reads of a checkout; configuration is the examples' own.
PROJECT_PARTS = ("dbt_project.yml", "models", "macros", "seeds/packages", "tests/generic")
# Random worlds that between them have most of what clearing can do.
SEEDS = (9_100_040, 9_100_052)
MART = re.compile(r"world \d+: (\S+) ")


@dataclass(frozen=True)
class Mutation:
    """One change of one text of a model or macro.

    `old` stands once in `file` (relative to the project) and becomes `new`. `caught_by` must be among those who notice:
    the id of a rule example, `invariant NAME`, `worlds SCHEMA.MART`, or `audit CHECK`.
    """

    name: str
    file: str
    old: str
    new: str
    caught_by: str

    @property
    def needs_worlds(self) -> bool:
        """Whether only random worlds show it."""
        return self.caught_by.startswith("worlds ")

    def applied_to(self, text: str) -> str:
        """The changed text. Fails when `old` is not there exactly once: the mutation would show nothing any more."""
        count = text.count(self.old)
        assert count == 1, (
            f"mutation {self.name}: its text stands {count} times in {self.file}, not once. The file has changed: say "
            f"the mistake in its present words, or take the mutation out.\n{self.old}"
        )
        assert self.new != self.old, f"mutation {self.name} changes nothing"
        return text.replace(self.old, self.new)


class Laboratory(ABC):
    """A copy of the project with a warehouse that it has built, and who notices when one text of it is another."""

    def __init__(self, base: Settings, folder: Path) -> None:
        """Copy the project into an empty folder, load the warehouse of `base` and build it."""
        project = copied_project(folder / "project")
        self.settings = replace(
            base, project_dir=project, config_dir=project / "config", archive_dir=folder / "archive"
        )
        self.load(folder / "files")
        for command in ("seed", "run"):
            outcome = run_dbt(self.settings, [command, "--write-json"], show_progress=False)
            assert outcome.success, "\n".join(outcome.failures)
        self.built, self.state = folder / "built.duckdb", folder / "state"
        shutil.copyfile(self.settings.warehouse_path, self.built)
        self.state.mkdir()
        shutil.copyfile(state_folder(self.settings) / "target" / "manifest.json", self.state / "manifest.json")

    @abstractmethod
    def load(self, files: Path) -> None:
        """Write configuration and files, and load them."""

    @abstractmethod
    def differing(self, warehouse: Warehouse) -> list[str]:
        """By name, who finds something else than is expected."""

    def noticed(self) -> list[str]:
        """Who sees something wrong in the warehouse as it is."""
        with open_warehouse(self.settings, read_only=True) as warehouse:
            rows = warehouse.execute("select distinct invariant from quality.rpt_invariants where not held order by 1")
            return [*self.differing(warehouse), *(f"invariant {name}" for (name,) in rows)]

    def noticed_with(self, mutation: Mutation) -> list[str]:
        """Who sees something wrong when the mutation is in the project; the project is itself again afterwards."""
        shutil.copyfile(self.built, self.settings.warehouse_path)
        selected = ["--select", "state:modified+", "--state", str(self.state), "--full-refresh"]
        with self.mutated(mutation):
            outcome = run_dbt(self.settings, ["run", *selected], show_progress=False)
        assert outcome.success, f"mutation {mutation.name}: it cannot be built, so it shows nothing: {outcome.failures}"
        assert outcome.models_built, f"mutation {mutation.name}: dbt finds nothing changed in {mutation.file}"
        return self.noticed()

    @contextmanager
    def mutated(self, mutation: Mutation) -> Iterator[None]:
        """The copied project with the mutation in it."""
        path = self.settings.project_dir / mutation.file
        text = path.read_text(encoding="utf-8")
        path.write_text(mutation.applied_to(text), encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(text, encoding="utf-8")


class AuditLaboratory(Laboratory):
    """With the small shop and a journal of good and bad decisions; who notices is a check of tests/rules/audit.py."""

    def load(self, files: Path) -> None:
        compared = hand.seed("reconciliation_rules", relation="instructions_bank", buffer_days=9)
        guarded = hand.config(settlement_models=[hand.model(requires_approval="true")], reconciliation_rules=[compared])
        days = [hand.batch(f"2026-01-0{n}", hand.order(f"O{n}", "100.00", ordered_at=f"2026-01-0{n}T10:00:00+08:00"))
                for n in (5, 6, 7)]  # fmt: skip
        world = World(0, "", days, guarded)
        write_config([world], self.settings.config_dir, leave_out=["business_days", "currencies"])
        load_worlds(self.settings, [world], files)
        code = hashlib.md5(b"|CNY|S").hexdigest()[:6]
        bills = {f"B{n}": f"B{n}-M-2026010{4 + n}-{code}" for n in (1, 2, 3)}
        with open_warehouse(self.settings) as warehouse, warehouse.transaction():
            write_journal(warehouse, audit.journal(bills))

    def differing(self, warehouse: Warehouse) -> list[str]:
        return audit.differing(warehouse.execute)


class ExamplesLaboratory(Laboratory):
    """With all examples of tests/rules; who notices is the id of an example."""

    def load(self, files: Path) -> None:
        worlds = worlds_of(EXAMPLES)
        write_config(worlds, self.settings.config_dir, leave_out=["business_days", "currencies"])
        load_examples(self.settings, worlds, EXAMPLES, files)

    def differing(self, warehouse: Warehouse) -> list[str]:
        found = Found(rows_of_examples(warehouse, EXAMPLES), [], "", "")
        return [example.id for number, example in enumerate(EXAMPLES) if found.problems(number, example)]


class WorldsLaboratory(Laboratory):
    """With random worlds; who notices is `worlds` and a mart that the oracle expects otherwise."""

    def load(self, files: Path) -> None:
        self.worlds = [make_world(seed, calendar(SEEDS[0]), full=True) for seed in SEEDS]
        write_config(self.worlds, self.settings.config_dir, leave_out=["business_days", "currencies"])
        load_worlds(self.settings, self.worlds, files)

    def differing(self, warehouse: Warehouse) -> list[str]:
        told = compare_worlds(self.worlds, warehouse.execute, self.settings.schema_prefix, FULL_MARTS)
        return sorted({f"worlds {match[1]}" for match in map(MART.match, told) if match})


def copied_project(folder: Path) -> Path:
    """What dbt needs of the checkout, in a folder of its own."""
    for part in PROJECT_PARTS:
        source, target = CHECKOUT / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copyfile(source, target)
    return folder


def assert_noticed(mutation: Mutation, noticed: Sequence[str]) -> None:
    """Fails when a mutation has survived, or when the test that is there for it has not noticed."""
    assert noticed, (
        f"mutation {mutation.name}: nobody noticed. {mutation.file} may say {mutation.new!r} for {mutation.old!r}, "
        "and every test would pass: add the rule example that fails then."
    )
    assert mutation.caught_by in noticed, (
        f"mutation {mutation.name}: {mutation.caught_by} did not notice, only {', '.join(noticed)}. Name the one that "
        "is there for it, or add it."
    )
