"""Settlement files of Adyen and Stripe: signs, fees, currencies, and payouts against their rows."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from settle.settings import Settings
from tests.scripts.loading import counts, load, loaded, refused, rows, said, write

PAYMENTS = (
    "select channel_txn_no, order_no, txn_type, amount, fee, currency, settlement_batch_no from raw.payments "
    "order by _line_no"
)

ADYEN_HEADER = (
    "Merchant Account,Psp Reference,Merchant Reference,Payment Method,Creation Date,TimeZone,Type,"
    "Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Net Currency,"
    "Net Debit (NC),Net Credit (NC),Batch Number"
)
ADYEN = (
    "Shop,P1,O-1,visa,2026-01-05 10:00:00,UTC,Settled,C1,EUR,,50.00,EUR,,49.25,7",
    "Shop,P1,O-1,visa,2026-01-05 11:00:00,UTC,Settled,C2,EUR,,10.00,EUR,,9.90,7",
    "Shop,P1,O-1,visa,2026-01-05 12:00:00,UTC,Refunded,M1,EUR,5.00,,EUR,5.10,,7",
    "Shop,,,,2026-01-05 13:00:00,UTC,Fee,,EUR,,,EUR,2.00,,7",
    "Shop,,,,2026-01-06 02:00:00,UTC,MerchantPayout,,EUR,,,EUR,52.05,,7",
)


def test_adyen_rows_add_up_to_the_payout(any_settings: Settings) -> None:
    # Captures of one payment each have a number of their own; the refund's fee is ours to pay, so nothing comes back.
    write("settlement.csv", ADYEN_HEADER, *ADYEN)
    assert "5 rows read = 5 loaded" in loaded("payments", "settlement.csv")
    cents = Decimal
    assert rows(any_settings, PAYMENTS) == [
        ("P1-C1", "O-1", "payment", cents("50"), cents("0.75"), "EUR", "7"),
        ("P1-C2", "O-1", "payment", cents("10"), cents("0.1"), "EUR", "7"),
        ("M1-Refunded", "O-1", "refund", cents("5"), cents("-0.1"), "EUR", "7"),
        ("7-Fee-2026-01-05 13:00:00", None, "payout", cents("0"), cents("2"), "EUR", "7"),
        ("7-MerchantPayout-2026-01-06 02:00:00", None, "payout", cents("52.05"), None, "EUR", "7"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("52.05", "52.06", 'settlement.csv:6: the payout of Batch Number "7" is 52.06, its rows give 52.05.'),
        ("UTC,Refunded", "CET,Refunded", "settlement.csv:4: column \"TimeZone\": 'CET' is not UTC or GMT"),
        ("EUR,5.00", "USD,5.00", "settlement.csv:4: column \"Net Currency\": 'EUR' is not the same as column"),
        ("Fee", "Odd", "settlement.csv:5: column \"Type\": 'Odd' is none of Settled, ChargebackReversed"),
    ],
)
def test_adyen_that_cannot_be(duckdb_settings: Settings, old: str, new: str, told: str) -> None:
    write("settlement.csv", ADYEN_HEADER, *(line.replace(old, new) for line in ADYEN))
    assert refused("payments", "settlement.csv").startswith(told)
    assert counts(duckdb_settings) == (0, 0, 0)


STRIPE_HEADER = (
    "balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id,automatic_payout_id,"
    "payment_metadata[order_id]"
)
STRIPE = (
    "txn_1,2026-01-05 10:00:00,usd,100.00,3.20,96.80,charge,ch_1,po_1,O-1",
    "txn_2,2026-01-05 11:00:00,usd,-40.00,-0.30,-39.70,refund,re_1,po_1,O-1",
    "txn_3,2026-01-05 12:00:00,usd,-2.00,0.00,-2.00,fee,,po_1,",
    "txn_4,2026-01-06 10:00:00,usd,-55.10,0.00,-55.10,payout,po_1,po_1,",
)


def test_stripe_itemised(any_settings: Settings) -> None:
    write("stripe.csv", STRIPE_HEADER, *STRIPE)
    assert "template stripe_itemised" in (summary := loaded("payments", "stripe.csv"))
    assert "its totals agree: payout of po_1 55.10" in summary
    cents = Decimal
    assert rows(any_settings, PAYMENTS) == [
        ("txn_1", "O-1", "payment", cents("100"), cents("3.2"), "USD", "po_1"),
        ("txn_2", "re_1", "refund", cents("40"), cents("0.3"), "USD", "po_1"),
        ("txn_3", None, "payout", cents("0"), cents("2"), "USD", "po_1"),
        ("txn_4", None, "payout", cents("55.1"), cents("0"), "USD", "po_1"),
    ]


def test_a_stripe_payout_whose_rows_are_in_another_file_too(duckdb_settings: Settings) -> None:
    write("stripe.csv", STRIPE_HEADER, *STRIPE[1:])
    result = load("payments", "stripe.csv")
    assert result.exit_code == 0 and "its totals agree" not in result.stdout
    assert (
        'stripe.csv:4: the payout of automatic_payout_id "po_1" is 55.10, its rows give -41.70. '
        "The others may be in another file."
    ) in said(result)


def test_stripe_rows_that_do_not_add_up(duckdb_settings: Settings) -> None:
    write("stripe.csv", STRIPE_HEADER, STRIPE[0].replace("96.80", "96.81"))
    assert refused("payments", "stripe.csv").splitlines()[0] == (
        "stripe.csv:2: column \"net\": '96.81' does not agree with the rest of the row: gross must be fee + net. "
        "Fetch the file again."
    )
    assert counts(duckdb_settings) == (0, 0, 0)


@pytest.mark.real_data
def test_real_adyen(any_settings: Settings, real_data: Path) -> None:
    path = real_data / "statements" / "adyen" / "settlement_detail_batch_118.csv"
    summary = loaded("payments", str(path))
    assert "7 rows read = 7 loaded" in summary and "payout of 118 18.00" in summary
    found = rows(
        any_settings,
        "select txn_type, count(*), sum(amount), sum(fee) from raw.payments group by txn_type order by txn_type",
    )
    cents = Decimal
    assert found == [
        ("payment", 2, cents("65.99"), cents("0.89")),
        ("payout", 3, cents("23"), cents("2")),
        ("refund", 2, cents("25"), cents("-15.1")),
    ]


@pytest.mark.real_data
def test_real_stripe(any_settings: Settings, real_data: Path) -> None:
    path = real_data / "statements" / "stripe" / "fivetran_balance_transaction_data.csv"
    summary = loaded("payments", str(path))
    assert "9 rows read = 9 loaded" in summary and "payout of po_0IV4rIig6peNXzgD51VFKdaB 187.59" in summary
    assert rows(any_settings, "select sum(amount), sum(fee) from raw.payments where txn_type = 'payment'") == [
        (Decimal("211303.1800"), Decimal("6482.1800"))
    ]
