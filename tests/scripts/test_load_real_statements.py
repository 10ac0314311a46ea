"""Real statement files give the answers they are known to have, and other programs read the same out of them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from settle.settings import Settings
from tests.scripts.loading import counts, loaded, refused, rows

pytestmark = pytest.mark.real_data


def test_unionpay(any_settings: Settings, real_data: Path) -> None:
    folder = real_data / "statements" / "unionpay"
    summary = loaded("payments", str(folder / "INN15090588ZM_802310048993424"))
    assert "8 rows read = 8 loaded" in summary and "template unionpay_settlement" in summary
    assert "交易笔数 8, 交易金额贷 13227.00" in summary and "费用借 79.36" in summary and "清算贷 13147.64" in summary
    assert rows(any_settings, "select count(*), sum(amount), sum(fee), sum(amount - fee) from raw.payments") == [
        (8, Decimal("13227.0000"), Decimal("79.3600"), Decimal("13147.6400"))
    ]
    first = (
        "select channel_txn_no, order_no, txn_type, amount, fee, currency, account_no, completed_at from raw.payments"
    )
    found = rows(any_settings, f"{first} where _line_no = 1")[0]
    assert found[:7] == (
        "201509061122031906248", "10078087", "payment", Decimal("4768.0000"), Decimal("28.6100"), "CNY",
        "802310048993424",
    )  # fmt: skip
    assert found[7].isoformat() == "2015-09-06T03:22:03"
    # The zip holds the same rows and the summary.
    summary = loaded("payments", str(folder / "802310048993424_20150905.zip"))
    assert "0 loaded + 0 rejected + 8 repeated" in summary and "清算贷 13147.64" in summary


def test_camt053(any_settings: Settings, real_data: Path) -> None:
    folder = real_data / "statements" / "camt053"
    summary = loaded("bank_deposits", str(folder / "genkgo_camt053.v2.multi.statement.xml"))
    assert "2 rows read = 2 loaded" in summary
    assert "closing balance of NL26VAYB8060476890 in 254EURNL26VAYB8060476890 20.00" in summary
    # 18.150 + 8.850 is 27.000, and the file closes with 27.050: nothing is rounded away.
    wrong = folder / "genkgo_camt053.v2.five.decimals.xml"
    assert refused("bank_deposits", str(wrong)).splitlines()[0] == (
        f'{wrong}:49: the file declares "closing balance of NL26VAYB8060476890 in 253EURNL26VAYB8060476890" '
        "27.050, found 27.000."
    )
    empty = folder / "genkgo_camt053.v2.wrong.xml"
    assert refused("bank_deposits", str(empty)).startswith(f"{empty}:2: has no statement (Stmt)")
    assert counts(any_settings) == (1, 0, 2)


def test_mt940_as_another_program_reads_it(any_settings: Settings, real_data: Path) -> None:
    import mt940

    path = real_data / "statements" / "mt940" / "wolph_betterplace_sepa_mt9401.sta"
    assert "97 rows read = 97 loaded" in loaded("bank_deposits", str(path))
    theirs = [entry.data for entry in mt940.parse(str(path))]
    ours = rows(
        any_settings,
        "select case direction when 'credit' then amount else -amount end, currency, booked_on from raw.bank_deposits "
        "order by _line_no",
    )
    assert len(theirs) == 97
    signed = [(data["amount"].amount, data["amount"].currency) for data in theirs]
    # A reversed credit (RC) takes money out; the other program leaves its sign.
    reversals = [at for at, data in enumerate(theirs) if data["status"] in ("RC", "RD")]
    assert [row[:2] for at, row in enumerate(ours) if at not in reversals] == [
        pair for at, pair in enumerate(signed) if at not in reversals
    ]
    assert [(abs(ours[at][0]), ours[at][1]) for at in reversals] == [(abs(signed[at][0]), "EUR") for at in reversals]
    assert [row[2] for row in ours] == [data.get("entry_date", data["date"]) for data in theirs]


def test_mt940_days_that_the_calendar_has_not(duckdb_settings: Settings, real_data: Path) -> None:
    path = real_data / "statements" / "mt940" / "wolph_self-provided_february_30.sta"
    assert refused("bank_deposits", str(path)).splitlines()[0] == (
        f"{path}:6: column \"value date\": '160230' is no day of the calendar (YYMMDD). "
        "Ask the bank for a correct file."
    )
    assert "1 rows read = 0 loaded + 1 rejected" in loaded("bank_deposits", str(path), "--reject", "6")
    assert "5 rows read = 5 loaded" in loaded("bank_deposits", str(path.with_name("wolph_citi_mt940.txt")))


def test_bai2_as_another_program_reads_it(any_settings: Settings, real_data: Path) -> None:
    from bai2 import bai2

    path = real_data / "statements" / "bai2" / "moov_sample1.txt"
    summary = loaded("bank_deposits", str(path))
    assert "17 rows read = 17 loaded" in summary and "control total of the file (line 1) 1280000" in summary
    with path.open() as stream:
        groups = bai2.parse_from_file(stream).children
    theirs = [entry for group in groups for account in group.children for entry in account.children]
    ours = rows(any_settings, "select amount, narrative, currency from raw.bank_deposits order by _line_no")
    assert [row[0] * 100 for row in ours] == [Decimal(entry.amount) for entry in theirs]
    assert [row[1] for row in ours] == [" ".join(entry.text.split()) for entry in theirs]
    assert {row[2] for row in ours} == {"CAD"}


def test_bai2_that_is_none_or_does_not_add_up(duckdb_settings: Settings, real_data: Path) -> None:
    folder = real_data / "statements" / "bai2"
    bad = folder / "moov_errors_sample-parseError.txt"
    assert refused("bank_deposits", str(bad), "--template", "bai2").startswith(
        f"{bad}:1: begins with '00', which is no record of BAI2"
    )
    assert "no template for bank_deposits fits" in refused("bank_deposits", str(bad))
    # Its amounts were replaced before it was made public, its totals were not.
    changed = folder / "moov_sample4-continuations-newline-delimited.txt"
    assert refused("bank_deposits", str(changed)).splitlines()[0] == (
        f'{changed}:22: the file declares "control total of account 107049932 (line 5)" -1260161341762, found 7999960.'
    )
    assert counts(duckdb_settings) == (0, 0, 0)
