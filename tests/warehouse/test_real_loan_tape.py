"""A real loan tape of an SPV, as plan and payments: classes, sums, roll-forward and fee are what is known of it."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

from settle.build import WITHOUT_TESTS
from settle.dbt import run_dbt
from settle.settings import Settings
from tests.conftest import CHECKOUT
from tests.scripts.loading import loaded, rows

pytestmark = pytest.mark.real_data

CONFIG = {
    "participants": ("participant_id,participant_name,participant_kind", "ALLY,Ally Bank,merchant"),
    "accounts": ("account_no,participant_id,account_kind,currency", "BANK-ALLY,ALLY,bank,USD"),
    "products": ("product_code,product_name,spv_code", "AUTO-LOAN,Auto loan,ALLY-TRUST"),
    "settlement_models": (
        "model_code,priority,order_type,cycle,calendar_code,roll,charge_bearer,requires_channel_match,"
        "requires_spv_match,settle_account_kind",
        "LOAN,10,repayment,D1,CN,none,payee,false,true,bank",
    ),
}
TAPE = "aart1342new_2017.csv"
CENT = Decimal("0.01")


@pytest.fixture
def tape(any_settings: Settings, real_data: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The tape loaded twice, by the templates of the docs: as what was due and as what came."""
    folder = Path.cwd() / "config"
    folder.mkdir()
    for name, lines in CONFIG.items():
        (folder / f"{name}.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    monkeypatch.setenv("SETTLE_CONFIG", str(folder))
    monkeypatch.setenv("SETTLE_TEMPLATES", str(CHECKOUT / "docs" / "examples" / "templates"))
    file = str(real_data / "ally_spv" / TAPE)
    for dataset, template, count in (("orders", "abs_ee_plan", 41_781), ("spv_reports", "abs_ee_payments", 38_223)):
        told = loaded(dataset, file, "--template", template, "--batch-date", "2026-01-05")
        assert f"{count} rows read = {count} loaded + 0 rejected + 0 repeated" in told
    return Settings.from_environment()


def test_the_sums_of_the_tape_are_known(tape: Settings) -> None:
    paid = (
        "select sum(amount), sum(principal), sum(amount - principal - interest) from raw.spv_reports "
        "where order_no not like '%-0'"
    )
    assert rows(tape, paid) == [(Decimal("30402595.24"), Decimal("26851229.61"), Decimal(0))]
    principal = dict(rows(tape, "select order_no, principal from raw.spv_reports"))
    broken, difference, fee = 0, Decimal(0), Decimal(0)
    for number, attributes in rows(tape, "select order_no, attributes from raw.orders"):
        balance, opening = (Decimal(json.loads(attributes)[key]) for key in ("balance", "opening"))
        if number.endswith("-0"):
            fee += (balance * Decimal("0.01") / 12).quantize(CENT, ROUND_HALF_UP)
        elif gap := balance - (opening - principal.get(number, Decimal(0))):
            broken, difference = broken + 1, difference + gap
    assert (broken, difference) == (70, Decimal("-675684.71"))
    assert fee == Decimal("27380.86")


@pytest.mark.postgres_in_campaign
def test_every_loan_month_stands_in_its_class(tape: Settings) -> None:
    outcome = run_dbt(tape, ["build", *WITHOUT_TESTS], show_progress=False)
    assert outcome.success, outcome.failures
    found = rows(
        tape,
        "select case when order_no like '%-0' then 'month 0' else 'later' end as part, result, "
        "sign(difference_minor), count(*) from reconciliation.fct_reconciliation_items where relation = 'orders_spv' "
        "group by 1, 2, 3 order by 1, 2, 3",
    )
    assert [(part, result, int(sign), count) for part, result, sign, count in found] == [
        ("later", "amount_mismatch", -1, 2_400),
        ("later", "amount_mismatch", 1, 11_139 + 667),
        ("later", "channel_only", 0, 1),
        ("later", "matched", 0, 22_752),
        ("later", "platform_only", -1, 3_481),
        ("month 0", "amount_mismatch", -1, 58),
        ("month 0", "amount_mismatch", 1, 416),
        ("month 0", "matched", 0, 790),
        ("month 0", "platform_only", -1, 78),
    ]
    # A payoff is a payment above the plan that leaves no balance.
    over = (
        "select count(*) from reconciliation.fct_reconciliation_items as items inner join raw.orders as orders "
        "on orders.order_no = items.order_no where items.relation = 'orders_spv' and items.difference_minor > 0 "
        "and orders.order_no not like '%-0' and orders.attributes like '%\"balance\":\"{}\"%'"
    )
    assert sum(rows(tape, over.format(zero))[0][0] for zero in ("0", "0.00")) == 667
    # Principal taken back without a payment is no repayment: the one line that a person has to ask about.
    odd = "select order_no, principal_minor, error_code from spv.rpt_spv_in where error_code = 'bad_amount'"
    assert rows(tape, odd) == [("20256022-33", -600_382, "bad_amount")]
    errors = "select error_code, count(*) from spv.rpt_spv_in where error_code is not null group by 1 order by 1"
    assert rows(tape, errors) == [("amount_differs", 14_680), ("bad_amount", 1)]
    unexplained = "select sum(abs(unexplained_minor)), count(*) from reconciliation.fct_reconciliation_totals"
    assert rows(tape, unexplained)[0][0] == 0
