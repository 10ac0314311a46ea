"""Statement layouts on small files: what becomes of each part, what is checked, and what is refused."""

from __future__ import annotations

import gzip
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from settle.load.archive import archived_lines
from settle.load.catalog import template_named
from settle.settings import Settings
from tests.scripts.loading import counts, load, loaded, refused, rows, said, write

DEPOSITS = (
    "select account_no, bank_ref_no, booked_on, direction, amount, currency, settlement_batch_no, narrative, balance, "
    "_line_no from raw.bank_deposits order by _line_no"
)


def unionpay_line(kind: str, number: str, amount: str, fee: str, net: str, name: str = "") -> bytes:
    """A line of the flow: only what the template reads, each at its place."""
    line = bytearray(b" " * 607)
    places = {
        1: "S56", 67: amount, 88: number, 113: f"O{number[-4:]}", 167: fee, 195: "0001", 216: kind,
        294: "802310048993424", 328: name, 375: net,
    }  # fmt: skip
    for start, text in places.items():
        data = text.encode("gb18030")
        line[start - 1 : start - 1 + len(data)] = data
    return bytes(line) + b"\r\n"


UNIONPAY_LINES = [
    unionpay_line("01", "202601051000000000001", "000000010000", "D000000000060", "C000000009940", "淘在路上商户"),
    unionpay_line("04", "202601051100000000002", "000000002000", "C000000000012", "D000000001988"),
]


def unionpay_summary(net: str = "99.40", count: str = "2") -> bytes:
    text = f"中国银联汇总表\r\n总计      {count}    20.00    100.00    0.60    0.12    19.88    {net}\r\n"
    return text.encode("gb18030")


def test_unionpay_payments_and_refunds(any_settings: Settings) -> None:
    Path("INN26010588ZM_802310048993424").write_bytes(b"".join(UNIONPAY_LINES))
    Path("RD201026010501_802310048993424").write_bytes(unionpay_summary())
    summary = loaded("payments", "INN26010588ZM_802310048993424")
    assert "2 rows read = 2 loaded" in summary and "费用贷 0.12" in summary and "清算借 19.88" in summary
    found = rows(any_settings, "select order_no, txn_type, amount, fee, _line_no from raw.payments order by _line_no")
    assert found == [
        ("O0001", "payment", Decimal("100"), Decimal("0.6"), 1),
        ("O0002", "refund", Decimal("20"), Decimal("0.12"), 2),
    ]


def test_a_unionpay_summary_that_disagrees(duckdb_settings: Settings) -> None:
    with zipfile.ZipFile("802310048993424_20260105.zip", "w") as archive:
        archive.writestr("INN26010588ZM_802310048993424", b"".join(UNIONPAY_LINES))
        archive.writestr("RD201026010501_802310048993424", unionpay_summary(net="99.41"))
    assert refused("payments", "802310048993424_20260105.zip") == (
        'RD201026010501_802310048993424:2: the summary declares "清算贷" 99.41, found 99.40.\n'
        "Nothing was loaded. The file is not complete or was changed: fetch it again."
    )
    Path("INN26010588ZM_802310048993424").write_bytes(UNIONPAY_LINES[0])
    Path("RD201026010501_802310048993424").write_bytes(unionpay_summary())
    assert '"交易笔数" 2, found 1.' in refused("payments", "INN26010588ZM_802310048993424")
    # Without a summary the rows are all there is.
    Path("RD201026010501_802310048993424").unlink()
    assert "1 rows read = 1 loaded" in loaded("payments", "INN26010588ZM_802310048993424")


def test_unionpay_lines_that_are_cut_or_shifted(duckdb_settings: Settings) -> None:
    good, other = UNIONPAY_LINES
    shifted = other.replace(b"000000002000", b"0000000020000")
    Path("flow").write_bytes(good + shifted + other[:300] + b"\n" + other.replace(b"C0000", b"X0000"))
    told = refused("payments", "flow", "--template", "unionpay_settlement").splitlines()
    assert told[0].startswith("flow:2: the line has no blank at byte 79, between two columns")
    assert told[1].startswith("flow:3: the line has 300 of at least ")
    assert told[2].startswith("flow:4: column \"商户手续费\": 'X000000000012' is no amount.")
    assert counts(duckdb_settings) == (0, 0, 0)


def camt(entries: str, closing: str = "<Amt Ccy='EUR'>112.50</Amt><CdtDbtInd>CRDT</CdtDbtInd>", head: str = "") -> str:
    balance = "<Bal><Tp><CdOrPrtry><Cd>{}</Cd></CdOrPrtry></Tp>{}<Dt><Dt>2026-01-05</Dt></Dt></Bal>\n"
    opening = balance.format("OPBD", "<Amt Ccy='EUR'>100</Amt><CdtDbtInd>CRDT</CdtDbtInd>")
    return (
        f"<?xml version='1.0' encoding='UTF-8'?>{head}\n"
        "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.08'><BkToCstmrStmt>\n<Stmt><Id>S1</Id>"
        f"<Acct><Id><IBAN>DE02</IBAN></Id><Ccy>EUR</Ccy></Acct>\n{opening}{balance.format('CLBD', closing)}"
        f"{entries}</Stmt></BkToCstmrStmt></Document>\n"
    )


def entry(
    amount: str, side: str, own: str = "", more: str = "", status: str = "<Cd>BOOK</Cd>", day: str = "2026-01-05"
) -> str:
    return (
        f"<Ntry><Amt Ccy='EUR'>{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd><Sts>{status}</Sts>"
        f"<BookgDt><Dt>{day}</Dt></BookgDt><AcctSvcrRef>{own}</AcctSvcrRef>{more}</Ntry>\n"
    )


DETAILS = (
    "<NtryDtls><TxDtls><Refs><EndToEndId>PO-7</EndToEndId></Refs>"
    "<RmtInf><Ustrd>Payout 7 &amp; co</Ustrd></RmtInf></TxDtls></NtryDtls>"
)


def test_camt053_entries_and_references(any_settings: Settings) -> None:
    # The bank's reference serves where it comes once; a repeated one is told apart by statement and number.
    text = camt(
        entry("20.00", "CRDT", "B1", DETAILS) + entry("5", "DBIT", "B2") + entry("2.5", "DBIT", "B2")
        + entry("0.25", "CRDT") + entry("0.25", "DBIT", "B1", "<RvslInd>true</RvslInd>")
    )  # fmt: skip
    Path("camt053.xml").write_text(text)
    summary = loaded("bank_deposits", "camt053.xml")
    assert "5 rows read = 5 loaded" in summary and "closing balance of DE02 in S1 112.50" in summary
    day, cents = date(2026, 1, 5), Decimal
    assert rows(any_settings, DEPOSITS) == [
        ("DE02", "B1", day, "credit", cents("20"), "EUR", "PO-7", "Payout 7 & co", None, 6),
        ("DE02", "B2/S1/2", day, "debit", cents("5"), "EUR", None, None, None, 7),
        ("DE02", "B2/S1/3", day, "debit", cents("2.5"), "EUR", None, None, None, 8),
        ("DE02", "S1/4", day, "credit", cents("0.25"), "EUR", None, None, None, 9),
        ("DE02", "B1/reversal", day, "debit", cents("0.25"), "EUR", None, None, cents("112.5"), 10),
    ]
    # Written on one line, the entries are counted instead, and the rows are the same.
    with gzip.open("camt053.xml.gz", "wb") as stream:
        stream.write(text.replace("\n", "").replace("<?xml version='1.0' encoding='UTF-8'?>", "").encode())
    assert "5 rows read = 0 loaded + 0 rejected + 5 repeated" in loaded("bank_deposits", "camt053.xml.gz")


def test_camt053_that_does_not_add_up(duckdb_settings: Settings) -> None:
    Path("s.xml").write_text(camt(entry("12.49", "CRDT")))
    assert refused("bank_deposits", "s.xml") == (
        's.xml:5: the file declares "closing balance of DE02 in S1" 112.50, found 112.49.\n'
        "Nothing was loaded. The file is not complete or was changed: fetch it again."
    )
    totals = "<TxsSummry><TtlCdtNtries><NbOfNtries>2</NbOfNtries><Sum>12.50</Sum></TtlCdtNtries></TxsSummry>\n"
    Path("s.xml").write_text(camt(totals + entry("12.50", "CRDT")))
    assert '"TtlCdtNtries/NbOfNtries of S1" 2, found 1.' in refused("bank_deposits", "s.xml")


def test_camt053_entries_that_cannot_be(duckdb_settings: Settings) -> None:
    Path("s.xml").write_text(
        camt(
            entry("12.50", "CRDT")
            + entry("7", "CRDT", status="PDNG")
            + entry("0.00", "CRDT", day="2026-02-30")
            + entry("0.00", "").replace("EUR", "USD")
            + entry("0.00000", "SIDE")
        )
    )
    told = refused("bank_deposits", "s.xml").splitlines()
    assert told[0].startswith("s.xml:7: column \"status\": 'PDNG' is not booked (BOOK)")
    assert told[1].startswith("s.xml:8: column \"booked on\": '2026-02-30' is no day of the calendar.")
    assert told[2].startswith("s.xml:9: column \"currency\": 'USD' is not the account's currency, EUR.")
    assert told[3].startswith('s.xml:10: column "direction": is empty.')
    loaded("bank_deposits", "s.xml", "--reject-bad")
    assert rows(duckdb_settings, "select amount from raw.bank_deposits") == [(Decimal("12.5"),)]
    assert rows(duckdb_settings, "select line_no, reason_code from raw.rejected_rows order by 1") == [
        (7, "not_booked"),
        (8, "bad_date"),
        (9, "other_currency"),
        (10, "missing_value"),
    ]


def test_camt053_too_exact_for_its_currency(duckdb_settings: Settings) -> None:
    Path("s.xml").write_text(camt(entry("12.49500", "CRDT"), "<Amt Ccy='EUR'>112.495</Amt><CdtDbtInd>CRDT</CdtDbtInd>"))
    told = refused("bank_deposits", "s.xml").splitlines()
    assert told[0] == (
        "s.xml:6: column \"amount\": '12.49500' has more than two decimals for EUR. "
        "Round it where it comes from; nothing is rounded here."
    )


@pytest.mark.parametrize(
    ("head", "text"),
    [
        ("<!DOCTYPE Document [<!ENTITY a 'aaaa'>]>", "&a;"),
        ("<!DOCTYPE Document [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>", "&a;"),
        ("<!DOCTYPE Document SYSTEM 'statement.dtd'>", ""),
        ("<!DOCTYPE Document>", ""),
    ],
)
def test_xml_resolves_nothing(duckdb_settings: Settings, head: str, text: str) -> None:
    Path("s.xml").write_text(camt(entry("12.50", "CRDT", f"B{text}"), head=head))
    assert refused("bank_deposits", "s.xml").startswith("s.xml:1: declares entities or a document type")


def test_xml_cut_short(duckdb_settings: Settings) -> None:
    Path("s.xml").write_text(camt(entry("12.50", "CRDT"))[:-60])
    assert "is no well-formed XML" in refused("bank_deposits", "s.xml")
    assert counts(duckdb_settings) == (0, 0, 0)


def test_the_archive_shows_an_entry_of_xml(duckdb_settings: Settings) -> None:
    Path("camt053.xml").write_text(camt(entry("12.50", "CRDT", "B1", DETAILS)))
    loaded("bank_deposits", "camt053.xml")
    path = Path(str(rows(duckdb_settings, "select archive_path from raw.load_files")[0][0]))
    template = template_named(duckdb_settings, "camt053")
    assert archived_lines(path, template, {6})[6] == ("DE02,B1,2026-01-05,credit,12.50,EUR,PO-7,Payout 7 & co,112.50")


MT940 = (
    ":20:START", ":25:123/456", ":28C:7/1", ":60F:C260104EUR1000,", ":61:2601051231C250,5NTRFPO-7//B1",
    ":86:Payout", "7", ":61:260105D0,5NMSCNONREF", ":61:260105RC50,NTRFNONREF//B1", ":62F:C260105EUR1200,00", "-",
)  # fmt: skip


def test_mt940_entries(any_settings: Settings) -> None:
    write("s.sta", "{1:F01}{2:I940}{4:", *MT940, "-}", newline="\r\n")
    assert "closing balance of 123/456 in 7/1/2026-01-05 1200.00" in loaded("bank_deposits", "s.sta")
    cents = Decimal
    assert rows(any_settings, DEPOSITS) == [
        ("123/456", "B1", date(2025, 12, 31), "credit", cents("250.5"), "EUR", "PO-7", "Payout7", None, 6),
        ("123/456", "7/1/2026-01-05/2", date(2026, 1, 5), "debit", cents("0.5"), "EUR", None, None, None, 9),
        ("123/456", "B1/reversal", date(2026, 1, 5), "debit", cents("50"), "EUR", None, None, cents("1200"), 10),
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (":62F:C260105EUR1200,00", ":62F:C260105EUR1200,01", 's.sta:10: the file declares "closing balance of 123/456 '
         'in 7/1/2026-01-05" 1200.01, found 1200.00.'),
        (":62F:C260105EUR1200,00", "", "s.sta:1: the statement that begins here has no closing balance (:62F:)"),
        (":62F:C260105EUR1200,00", ":62F:C260105USD1200,00", "s.sta:10: the opening balance is in EUR, the closing "
         "one in USD"),
        (":60F:C260104EUR1000,", ":60F:C260104EUR1.000", "s.sta:4: the balance :60F:C260104EUR1.000 cannot be read"),
        (":60F:C260104EUR1000,", "", "s.sta:5: the entry stands before its account (:25:) and opening balance"),
        (":61:260105D0,5NMSCNONREF", ":61:260105D0.5NMSCNONREF", 's.sta:10: the file declares "closing balance'),
        (":61:260105D0,5NMSCNONREF", ":61:260105X0,00NMSCNONREF", 's.sta:10: the file declares "closing balance'),
        (":61:260105RC50,NTRF", ":61:2601051331RC50,NTRF", "s.sta:9: column \"entry date\": '1331' is no day"),
    ],
)  # fmt: skip
def test_mt940_that_cannot_be(duckdb_settings: Settings, old: str, new: str, told: str) -> None:
    write("s.sta", *(line.replace(old, new) for line in MT940))
    assert refused("bank_deposits", "s.sta").startswith(told)
    assert counts(duckdb_settings) == (0, 0, 0)


def test_an_mt940_entry_that_cannot_be_read(duckdb_settings: Settings) -> None:
    write("s.sta", *(line.replace("260105D0,5", "260105D0,50000").replace("1200,00", "1200,50") for line in MT940))
    told = refused("bank_deposits", "s.sta")
    assert told.startswith("s.sta:8: column \":61:\": '260105D0,50000NMSCNONREF' cannot be")


BAI2 = (
    "01,BANK,US,260106,0600,1,80,1,2/", "02,US,BANK,1,260105,2359,USD,2/", "03,9876,,015,+25000,,,100,20000,2,/",
    "88,400,1000,1,/", "16,195,15000,V,260106,,B1,PO-7,wire, with a comma", "88,and more/", "16,195,5000,0,B2,,/",
    "16,495,1000,Z,,,fee/", "49,67000,7/", "98,67000,1,9/", "99,67000,1,11/",
)  # fmt: skip


def test_bai2_entries(any_settings: Settings) -> None:
    write("s.bai", *BAI2)
    assert "number of records of the file (line 1) 11" in loaded("bank_deposits", "s.bai")
    day, cents = date(2026, 1, 5), Decimal
    assert rows(any_settings, DEPOSITS) == [
        ("9876", "B1", day, "credit", cents("150"), "USD", "PO-7", "wire, with a comma and more", None, 5),
        ("9876", "B2", day, "credit", cents("50"), "USD", None, None, None, 7),
        ("9876", "2026-01-05/3", day, "debit", cents("10"), "USD", None, "fee", cents("250"), 8),
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("49,67000,7", "49,67001,7", 's.bai:9: the file declares "control total of account 9876 (line 3)" 67001, '
         "found 67000."),
        ("49,67000,7", "49,67000,6", 's.bai:9: the file declares "number of records of account 9876 (line 3)" 6, '
         "found 7."),
        ("98,67000,1,9", "98,67000,2,9", 's.bai:10: the file declares "number of accounts of the group of 2026-01-05 '
         '(line 2)" 2, found 1.'),
        ("99,67000,1,11", "99,67000,1,12", 's.bai:11: the file declares "number of records of the file (line 1)" 12, '
         "found 11."),
        ("02,US,BANK,1", "02,US,BANK,2", "s.bai:2: the group has status '2' and not 1"),
        ("260105,2359", "260230,2359", "s.bai:2: the group's date '260230' is no day of the calendar"),
        ("16,495,1000", "16,890,1000", "s.bai:8: column \"type code\": '890' is no type of a credit"),
        ("16,495,1000", "16,495,10.00", 's.bai:9: the file declares "control total'),
        ("49,67000,7/", "", "s.bai:10: the record 98 stands where it may not"),
        ("99,67000,1,11/", "", "s.bai:11: has no file trailer (99) at its end"),
    ],
)  # fmt: skip
def test_bai2_that_cannot_be(duckdb_settings: Settings, old: str, new: str, told: str) -> None:
    write("s.bai", *(line.replace(old, new) for line in BAI2))
    assert refused("bank_deposits", "s.bai").startswith(told)
    assert counts(duckdb_settings) == (0, 0, 0)


def test_bank_deposits_in_our_own_columns(any_settings: Settings) -> None:
    header = "account_no,bank_ref_no,booked_on,direction,amount,currency"
    write("bank_deposits.csv", header, "A,1,2026-01-05,credit,10.50,EUR", "A,2,2026-01-06,debit,3,JPY")
    assert "2 rows read = 2 loaded" in loaded("bank_deposits", "bank_deposits.csv")
    assert [row[:6] for row in rows(any_settings, DEPOSITS)] == [
        ("A", "1", date(2026, 1, 5), "credit", Decimal("10.5"), "EUR"),
        ("A", "2", date(2026, 1, 6), "debit", Decimal("3"), "JPY"),
    ]
    write("bank_deposits.csv", header, "A,1,2026-01-05,credit,10.51,EUR", "B,1,2026-01-05,debit,1,EUR")
    result = load("bank_deposits", "bank_deposits.csv")
    assert "2 rows read = 1 loaded + 1 rejected" in result.stdout
    assert "The entry loaded first stands." in said(result)
    for line, told in (
        ("A,3,05.01.2026,credit,1,EUR", "column \"booked_on\": '05.01.2026' is no day of the calendar."),
        ("A,3,2026-01-05,in,1,EUR", "column \"direction\": 'in' is none of credit, debit."),
        ("A,3,2026-01-05,credit,-1,EUR", "column \"amount\": '-1' is negative."),
    ):
        write("bad.csv", header, line)
        assert refused("bank_deposits", "bad.csv").startswith(f"bad.csv:2: {told}")


def test_a_file_whose_name_tells_nothing(duckdb_settings: Settings) -> None:
    write("STATEMENT", *MT940)
    assert "template mt940" in loaded("bank_deposits", "STATEMENT")
    write("OTHER", "something else")
    assert refused("bank_deposits", "OTHER").startswith("OTHER: what kind of file is it?")
