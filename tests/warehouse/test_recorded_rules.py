"""What a line was sorted and billed by is kept with its batch: refunds follow it when the configuration has changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from settle.load.loader import FileJob, LoadReport, Rejecting, load_files
from settle.output import SilentReporter
from settle.settings import Settings
from settle.warehouse import open_warehouse
from tests.oracle import hand
from tests.oracle.world import Batch, Row, World
from tests.oracle.worlds import write_config, write_files
from tests.warehouse.company import build

pytestmark = pytest.mark.postgres_in_campaign

Config = dict[str, list[Row]]
MONDAY, TUESDAY, WEDNESDAY = "2026-01-05", "2026-01-06", "2026-01-07"
SHARED = {
    "allocation_rules": [hand.seed("allocation_rules", allocation_rule_code="A", level=1, method="ratio")],
    "allocation_bearers": [
        hand.bearer("bank", 1, ppm=500_000, cap_minor=1000, cap_period="lifetime"),
        hand.bearer("platform", 2, ppm=500_000, is_residual="true"),
    ],
}
# 1 %, rounded up, given back, half of it borne by the bank; settles on the next business day.
FIRST = hand.config(
    settlement_models=[hand.model(cycle="T1")],
    billing_rules=[hand.rule(rounding="up", refund_fee="true", allocation_rule_code="A")],
    **SHARED,
)
# The same codes: rounded down, kept, borne by nobody in particular, the participant pays; settles on the day itself.
CHANGED = hand.config(
    settlement_models=[hand.model(cycle="D0", charge_bearer="payee")],
    billing_rules=[hand.rule(rounding="down", refund_fee="false")],
)
# As CHANGED, and nothing has the code it had.
RENAMED = hand.config(
    settlement_models=[hand.model(model_code="S2", cycle="D0", charge_bearer="payee", billing_rule_codes="R2")],
    billing_rules=[hand.rule(rule_code="R2", rounding="down", refund_fee="false")],
)
DETAILS = (
    "select order_no, model_code, rule_code, base_minor, fee_minor, rounding, refund_fee "
    "from clearing.fct_clearing_details"
)
ENTRIES = (
    "select order_no, model_code, gross_minor, fee_minor, net_minor, cast(settlement_date as varchar) "
    "from settlement.fct_settlement_entries"
)
GRANTS = "select order_no, bearer, granted_minor from clearing.fct_fee_allocations"
BALANCES = (
    "select batch_id, bearer, opening_minor, granted_minor, released_minor, closing_minor "
    "from clearing.fct_accumulator_balances"
)


@dataclass(frozen=True)
class Company:
    """A warehouse whose configuration changes from day to day."""

    settings: Settings
    folder: Path

    def day(self, config: Config, batch: Batch, with_tests: bool = False) -> None:
        """Write the configuration, load one day and build it."""
        world = World(0, "", [batch], config)
        here = replace(self.settings, config_dir=self.folder / "config")
        write_config([world], here.config_dir, leave_out=["business_days", "currencies"])
        reports: list[LoadReport] = []
        for day, dataset, path in write_files([world], self.folder / "files"):
            load_files(here, [FileJob(dataset, path, "canonical")], day, Rejecting(), SilentReporter(), reports)
        build(here, *(["--exclude-resource-type", "unit_test"] if with_tests else []), with_tests=with_tests)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with open_warehouse(self.settings, read_only=True) as warehouse:
            return warehouse.execute(f"{sql} order by 1, 2, 3")

    def of(self, sql: str, orders: Sequence[str]) -> list[tuple[Any, ...]]:
        """The rows of some orders."""
        return [row for row in self.rows(sql) if row[0] in orders]


@pytest.fixture
def company(home: Settings) -> Company:
    return Company(home, home.warehouse_path.parent)


@pytest.fixture
def any_company(any_home: Settings) -> Company:
    """Once per engine."""
    return Company(any_home, any_home.warehouse_path.parent)


def sale(order_no: str, day: str, **values: object) -> Row:
    return hand.order(order_no, "100.50", ordered_at=f"{day}T10:00:00+08:00", **values)


def half_back(order_no: str, original: str, day: str) -> Row:
    return hand.refund(order_no, original, "50.25", ordered_at=f"{day}T11:00:00+08:00")


@pytest.mark.parametrize(
    ("any_home", "config"),
    [("home", CHANGED), ("home", RENAMED), ("postgres_home", RENAMED)],
    ids=["duckdb-changed", "duckdb-renamed", "postgres-renamed"],
    indirect=["any_home"],
)
def test_bill_record_and_sort_model_a_refund_follows_what_its_original_was_cleared_by(
    any_company: Company, config: Config
) -> None:
    """Half of a fee of 101 is 50.5: rounded up as the original was, though today's rule rounds down and keeps it."""
    model, rule = ("S", "R") if config is CHANGED else ("S2", "R2")
    any_company.day(FIRST, hand.batch(MONDAY, sale("A", MONDAY)))
    any_company.day(config, hand.batch(TUESDAY, sale("B", TUESDAY), half_back("RA", "A", TUESDAY)), with_tests=True)
    assert any_company.rows(DETAILS) == [
        ("A", "S", "R", 10050, 101, "up", True),
        ("B", model, rule, 10050, 100, "down", False),
        ("RA", "S", "R", -5025, -51, "up", True),
    ]
    assert any_company.rows(ENTRIES) == [
        ("A", "S", 10050, 0, 10050, TUESDAY),
        ("B", model, 10050, 100, 9950, TUESDAY),
        ("RA", "S", -5025, 0, -5025, WEDNESDAY),
    ]
    assert any_company.rows(GRANTS) == [
        ("A", "bank", 51),
        ("A", "platform", 50),
        ("RA", "bank", -26),
        ("RA", "platform", -25),
    ]
    assert any_company.rows(BALANCES) == [(1, "bank", 0, 51, 0, 51), (2, "bank", 51, 0, 26, 25)]


def test_bill_record_a_configuration_that_comes_back_is_the_one_it_was(company: Company) -> None:
    """A's rule is today's again, B's is not: each refund follows its own."""
    company.day(FIRST, hand.batch(MONDAY, sale("A", MONDAY)))
    company.day(CHANGED, hand.batch(TUESDAY, sale("B", TUESDAY)))
    today = [sale("C", WEDNESDAY), half_back("RA", "A", WEDNESDAY), half_back("RB", "B", WEDNESDAY)]
    company.day(FIRST, hand.batch(WEDNESDAY, *today), with_tests=True)
    assert company.of(DETAILS, ["C", "RA", "RB"]) == [
        ("C", "S", "R", 10050, 101, "up", True),
        ("RA", "S", "R", -5025, -51, "up", True),
        ("RB", "S", "R", -5025, 0, "down", False),
    ]
    assert company.of(ENTRIES, ["C", "RA", "RB"]) == [
        ("C", "S", 10050, 0, 10050, "2026-01-08"),
        ("RA", "S", -5025, 0, -5025, "2026-01-08"),
        ("RB", "S", -5025, 0, -5025, WEDNESDAY),
    ]
    keys = dict(
        row[:2] for row in company.rows("select order_no, rule_key, rule_code from clearing.fct_clearing_details")
    )
    assert keys["A"] == keys["C"] == keys["RA"] != keys["B"] == keys["RB"]
    kept = "select model_no, batch_id, is_first_use from clearing_internal.int_clearing__models_used"
    assert company.rows(kept) == [(1, 1, True), (1, 3, False), (2, 2, True)]
    assert company.rows(BALANCES)[-1] == (3, "bank", 51, 51, 26, 76)


def test_sort_model_what_waits_is_sorted_by_the_model_of_the_day_it_clears(company: Company) -> None:
    """Only what has cleared is bound to what was: Monday's exception clears by Tuesday's model and rule."""
    no_rule = {**FIRST, "billing_rules": []}
    company.day(no_rule, hand.batch(MONDAY, sale("A", MONDAY)))
    assert company.rows(DETAILS) == []
    company.day(CHANGED, hand.batch(TUESDAY))
    assert company.rows(DETAILS) == [("A", "S", "R", 10050, 100, "down", False)]
    assert company.rows(ENTRIES) == [("A", "S", 10050, 100, 9950, MONDAY)]
