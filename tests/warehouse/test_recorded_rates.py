"""What a detail showed when it cleared stays, whatever rates, contracts and accounts the configuration says later."""

from __future__ import annotations

from pathlib import Path

import pytest

from settle.dbt import run_dbt
from settle.settings import Settings
from settle.warehouse import open_warehouse
from tests.oracle import hand
from tests.oracle.world import Row, World
from tests.oracle.worlds import write_config
from tests.warehouse.company import configured
from tests.warehouse.test_oracle_agrees import load

pytestmark = pytest.mark.postgres_in_campaign

MONDAY, TUESDAY, THURSDAY = "2026-01-05", "2026-01-06", "2026-01-08"
SHOWN = "order_no, contract_currency, contract_fee_minor, contract_base_minor, fx_rate, fx_rate_date, account_no"


def rate(text: str, target: str, day: str = MONDAY) -> Row:
    return hand.seed("fx_rates", rate_date=day, from_currency="CNY", to_currency=target, rate=text)


def tables(currency: str, account: str, *rates: Row) -> dict[str, list[Row]]:
    """A contract of merchant M kept in `currency`, and M's cash account (none where the number is empty)."""
    accounts = [hand.seed("accounts", account_no=account, participant_id="M", account_kind="cash", currency="CNY")]
    return hand.config(
        contracts=[hand.seed("contracts", contract_no="K", participant_id="M", model_code="S", currency=currency)],
        accounts=accounts if account else [],
        fx_rates=list(rates),
    )


def order(order_no: str, day: str, **values: object) -> Row:
    return hand.order(order_no, "100.00", ordered_at=f"{day}T10:00:00+08:00", **values)


def test_bill_fx_and_bill_account_what_was_shown_stays(any_home: Settings, tmp_path: Path) -> None:
    here = configured(any_home)
    refund = order("R", TUESDAY, order_type="refund", original_order_no="A")
    days = (
        # The rate of Monday is corrected, the contract moves to yen, the account changes; then there is none.
        (tables("KWD", "1", rate("0.0431", "KWD")), hand.batch(MONDAY, order("A", MONDAY))),
        (
            tables("JPY", "2", rate("0.9999", "KWD"), rate("0.0500", "KWD", TUESDAY), rate("20.5", "JPY", TUESDAY)),
            hand.batch(TUESDAY, refund, order("B", TUESDAY)),
        ),
        (tables("", ""), hand.batch(THURSDAY, order("C", THURSDAY))),
    )
    for number, (config, batch) in enumerate(days):
        world = World(0, "", [batch], config)
        write_config([world], here.config_dir, leave_out=["business_days", "currencies"])
        load(here, [world], tmp_path / str(number))
        left_out = ["unit_test"] if number == len(days) - 1 else ["unit_test", "test"]
        outcome = run_dbt(here, ["build", "--exclude-resource-type", *left_out], show_progress=False)
        assert outcome.success, "\n".join(outcome.failures)
    with open_warehouse(here, read_only=True) as warehouse:
        rows = warehouse.execute(f"select {SHOWN} from clearing.fct_clearing_details order by order_no")
        kept = warehouse.execute(
            "select batch_id, account_no from clearing_internal.int_clearing__accounts_used order by 1"
        )
    assert [tuple(str(value) for value in row) for row in rows] == [
        ("A", "KWD", "43", "4310", "0.0431", MONDAY, "1"),
        ("B", "JPY", "21", "2050", "20.5", TUESDAY, "2"),
        ("C", "None", "None", "None", "None", "None", "None"),
        # In the currency that the contract had when A cleared, by the rate of its own date.
        ("R", "KWD", "-50", "-5000", "0.0500", TUESDAY, "2"),
    ]
    assert kept == [(1, "1"), (2, "2"), (3, None)]
