"""PayPal settlement reports: what becomes of each event, what is compared, and what is refused."""

from __future__ import annotations

import zipfile
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from settle.load.archive import archived_lines
from settle.load.catalog import template_named
from settle.settings import Settings
from tests.scripts.loading import counts, loaded, refused, rows, write
from tests.scripts.paypal import NAMES, Movement, Section, report

NAME = "STL-20260106.01.009.CSV"
PAYMENTS = (
    "select channel_txn_no, order_no, txn_type, amount, fee, currency, account_no, settlement_batch_no, _line_no "
    "from raw.payments order by _line_no"
)
SELLER = Section(
    [
        Movement("P1", "T0006", 10000, -320, invoice="O-1", time="2026/01/06 23:30:00 -0800"),
        Movement("R1", "T1107", -2500, 80, invoice="O-1"),
        Movement("W1", "T0400", -7000, bank="BANK7"),
        Movement("F1", "T0106", -50),
    ]
)


def body(*movements: Movement) -> list[str]:
    return report(Section(movements))


def test_payments_refunds_payouts_and_fees(any_settings: Settings) -> None:
    write(NAME, *body(*SELLER.movements), newline="\r\n")
    Path(NAME).write_bytes(b"\xef\xbb\xbf" + Path(NAME).read_bytes())
    summary = loaded("payments", NAME)
    assert "4 rows read = 4 loaded" in summary and "template paypal_settlement" in summary
    assert "ending balance in USD of the section of SELLER1 (line 3) 310" in summary
    assert "number of rows of the report 4, number of rows of file 1 (FF) 4" in summary
    cents = Decimal
    assert rows(any_settings, PAYMENTS) == [
        ("P1", "O-1", "payment", cents("100"), cents("3.2"), "USD", "SELLER1", None, 5),
        ("R1", "O-1", "refund", cents("25"), cents("0.8"), "USD", "SELLER1", None, 6),
        ("W1", None, "payout", cents("70"), None, "USD", "SELLER1", "BANK7", 7),
        ("F1-T0106-USD", None, "payout", cents("0"), cents("0.5"), "USD", "SELLER1", None, 8),
    ]
    assert rows(
        any_settings, "select completed_at, pay_method, status from raw.payments order by _line_no limit 1"
    ) == [(datetime(2026, 1, 7, 7, 30), "T0006", "success")]
    # The same file again adds nothing, and a line of the archive is shown as the file has it.
    archive_path = rows(any_settings, "select archive_path from raw.load_files")[0][0]
    template = template_named(any_settings, "paypal_settlement", "payments")
    assert archived_lines(Path(archive_path), template, {7})[7].startswith('"SB","W1",')


@pytest.mark.parametrize(
    ("code", "gross", "kind", "amount", "fee"),
    [
        ("T0000", 700, "payment", "7", "-0.3"),
        ("T0001", -700, "payout", "7", "-0.3"),
        ("T1106", -700, "refund", "7", "0.3"),
        ("T1201", -700, "refund", "7", "0.3"),
        ("T1202", 700, "payment", "7", "-0.3"),
        ("T2001", -700, "payout", "7", "-0.3"),
        # Money that moves without an order: a payout of nothing, whose fee is what left the balance.
        ("T1109", 700, "payout", "0", "-7.3"),
        ("T2101", -700, "payout", "0", "6.7"),
        ("T0200", -700, "payout", "0", "6.7"),
        ("T0300", 700, "payout", "0", "-7.3"),
    ],
)
def test_what_an_event_becomes(
    duckdb_settings: Settings, code: str, gross: int, kind: str, amount: str, fee: str
) -> None:
    write(NAME, *body(Movement("X1", code, gross, 30, invoice="O-1")))
    loaded("payments", NAME)
    found = rows(duckdb_settings, "select txn_type, amount, fee, order_no, pay_method from raw.payments")
    order_no = None if code in ("T2001", "T1109", "T2101", "T0200", "T0300") else "O-1"
    assert found == [(kind, Decimal(amount), Decimal(fee), order_no, code)]


def test_columns_are_found_by_name_in_every_section(duckdb_settings: Settings) -> None:
    # The second section has the columns of an earlier version, in another order.
    fewer = [name for name in reversed(NAMES) if name not in ("Store ID", "Bank Reference ID", "Payment Tracking ID")]
    second = Section([Movement("P2", "T0006", 500, -20, "EUR", "O-2")], "SELLER2", opening=-40, names=fewer)
    third = Section([], "SELLER3", opening=0)
    write(NAME, *report(SELLER, second, third))
    loaded("payments", NAME)
    found = rows(duckdb_settings, f"select * from ({PAYMENTS}) as payments where account_no <> 'SELLER1'")
    assert found == [("P2", "O-2", "payment", Decimal("5"), Decimal("0.2"), "EUR", "SELLER2", None, 13)]


HEADER = '"SH","2026/01/06 00:00:00 -0800","2026/01/06 23:59:59 -0800","SELLER1",""'
TOTALS = '"SF","USD",10000,9550,80,320,'
FOOTER = f'{TOTALS}"CR",100,"CR",310,"CR",100,"CR",310,"CR",0,"CR",0,4'
SECTION = "the section of SELLER1 (line 3)"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (TOTALS, TOTALS.replace("10000", "10001"), f'9: "gross credits in USD of {SECTION}" 10001, found 10000.'),
        (TOTALS, TOTALS.replace("9550", "9551"), f'9: "gross debits in USD of {SECTION}" 9551, found 9550.'),
        (TOTALS, TOTALS.replace(",80,", ",81,"), f'9: "fee credits in USD of {SECTION}" 81, found 80.'),
        (TOTALS, TOTALS.replace("320", "321"), f'9: "fee debits in USD of {SECTION}" 321, found 320.'),
        (f'{TOTALS}"CR"', f'{TOTALS}"DR"', f'9: "ending balance in USD of {SECTION}" 310, found 110.'),
        ('"CR",310,', '"CR",309,', f'9: "ending balance in USD of {SECTION}" 309, found 310.'),
        (',"CR",0,4', ',"CR",0,5', f'9: "number of rows in USD of {SECTION}" 5, found 4.'),
        ('"SC",4', '"SC",5', f'10: "number of rows of {SECTION}" 5, found 4.'),
        ('"RF","USD",10000', '"RF","USD",10001', '11: "gross credits in USD of the report" 10001, found 10000.'),
        ('"RC",4', '"RC",3', '12: "number of rows of the report" 3, found 4.'),
        ('"FF",4', '"FF",3', '13: "number of rows of file 1 (FF)" 3, found 4.'),
        ('"FF",4', '"FF"\n"FC",3', '14: "number of rows of file 1 (FC)" 3, found 4.'),
    ],
)
def test_totals_balances_and_counts_that_disagree(duckdb_settings: Settings, old: str, new: str, told: str) -> None:
    write(NAME, *"\n".join(report(SELLER)).replace(old, new, 1).split("\n"))
    line, _, rest = told.partition(": ")
    assert refused("payments", NAME).splitlines() == [
        f"{NAME}:{line}: the file declares {rest}",
        "Nothing was loaded. The file is not complete or was changed: fetch it again.",
    ]
    assert counts(duckdb_settings) == (0, 0, 0)


UNREADABLE = (
    f"9: the footer SF USD of {SECTION} cannot be read: it must be four totals, balances with CR or DR before each, at "
    "least two, and the number of rows"
)
UNKNOWN = "is no record of a settlement report (RH, FH, SH, CH, SB, SF, SC, RF, RC, FF, FC)"
NO_NUMBER = "is no whole number without sign, point or comma"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (FOOTER, "", f"9: {SECTION} has rows in 'USD' (line 5), and no footer (SF) for it"),
        (FOOTER, f"{FOOTER}\n{FOOTER}", f"10: the footer SF USD of {SECTION} comes twice"),
        (FOOTER, FOOTER.replace('"USD"', '""'), f"9: the footer SF of {SECTION} has no currency"),
        (FOOTER, FOOTER.replace('"CR",0,4', '"C",0,4'), UNREADABLE),
        (FOOTER, f"{TOTALS}4", UNREADABLE),
        (FOOTER, FOOTER.replace("9550", "95.50"), f"9: the value '95.50' of the record SF {NO_NUMBER}"),
        ('"SC",4', '"SC"', f"10: the value '' of the record SC {NO_NUMBER}"),
        ('"RF","USD"', '"RF","EUR"', "12: the report has rows in 'USD' (line 5), and no footer (RF) for it"),
        ('"CH",', '"CX",', f"4: begins with 'CX', which {UNKNOWN}"),
        ('"FH",1', '"FH","one"', "2: the file number 'one' is no whole number from 1"),
        ('"SELLER1",""', '"",""', "3: the section has no account ID, the third value after SH"),
        ('"Invoice ID",', '"Invoice",', '4: column "Invoice ID" is missing'),
        ('"Custom Field",', '"Fee Amount",', '4: column "Fee Amount" comes twice'),
        ('"SB","P1",', '"SB","P1', "5: the record is damaged ("),
    ],
)
def test_records_that_cannot_be_read(duckdb_settings: Settings, old: str, new: str, told: str) -> None:
    text = "\n".join(report(SELLER))
    assert old in text
    write(NAME, *[line for line in text.replace(old, new, 1).split("\n") if line])
    found = refused("payments", NAME)
    assert found.startswith(f"{NAME}:{told}") and "Nothing was loaded." in found
    assert counts(duckdb_settings) == (0, 0, 0)


@pytest.mark.parametrize(
    ("order", "line", "told"),
    [
        # The lines of the report by number: 1 RH, 2 FH, 3 SH, 4 CH, 5 to 8 SB, 9 SF, 10 SC, 11 RF, 12 RC, 13 FF.
        ([1, 1, 2], 2, "RH stands where it may not: the report header is the first record of a file, and the only one"),
        ([2], 1, "FH stands where it may not: the file header follows the report header (RH)"),
        ([1, 3], 2, "SH stands where it may not: a section follows the file header (FH) or the count (SC) of"),
        ([1, 2, 3, 3], 4, "SH stands where it may not: a section follows"),
        ([1, 2, 3, 4, 4], 5, "CH stands where it may not: the column names follow the section header (SH), once"),
        ([1, 2, 3, 5], 4, "SB stands where it may not: the column names (CH) of its section come before it, and the"),
        ([1, 2, 3, 4, 5, 9, 6], 7, "SB stands where it may not: the column names (CH) of its section come before it"),
        ([1, 2, 9], 3, "SF stands where it may not: a section footer belongs to a section (SH)"),
        ([1, 2, 10], 3, "SC stands where it may not: a section count belongs to a section (SH)"),
        ([1, 2, 3, 4, 5, 9, 11], 7, "RF stands where it may not: a report footer follows the count (SC) of the last"),
        ([*range(1, 11), 12, 11], 12, "RF stands where it may not: a report footer follows"),
        ([*range(1, 13), 12], 13, "RC stands where it may not: the report count follows the count (SC) of the last"),
        ([*range(1, 12), 3], 12, "SH stands where it may not: a section follows"),
        ([*range(1, 14), 13], 14, "FF stands where it may not: the file footer follows"),
    ],
)
def test_records_out_of_place(duckdb_settings: Settings, order: list[int], line: int, told: str) -> None:
    lines = report(SELLER)
    write(NAME, *[lines[number - 1] for number in order])
    found = refused("payments", NAME, "--template", "paypal_settlement")
    assert found.startswith(f"{NAME}:{line}: the record {told}") and "Nothing was loaded." in found
    assert counts(duckdb_settings) == (0, 0, 0)


def test_a_report_cut_short(duckdb_settings: Settings) -> None:
    lines = report(SELLER)
    for kept in range(1, len(lines)):
        write(NAME, *lines[:kept])
        what = "has no file footer (FF) at its end"
        if 3 <= kept < 10:
            what = "ends within the section of SELLER1 (line 3), before its count (SC)"
        told = f"{NAME}:{kept}: {what}: it is cut short. Nothing was loaded. Fetch the file again."
        assert refused("payments", NAME) == told
    assert counts(duckdb_settings) == (0, 0, 0)


CELLS = '"CR","0","USD","","","","","","","",""\n"SB",'


def test_rows_that_cannot_be(duckdb_settings: Settings) -> None:
    zeros = [Movement(f"P{number}", "T0006", 0) for number in range(2, 7)]
    text = "\n".join(body(Movement("P1", "T0006", 10000, -320), *zeros))
    for old, new in (
        ('"P2","","","","T0006"', '"P2","","","","T3300"'),
        ('"P3","","","","T0006"', '"P3","","","","T00"'),
        (f'09:00:01 -0800",{CELLS}"P5"', f'29:00:01 -0800",{CELLS}"P5"'),
        (f'{CELLS}"P6"', f'{CELLS}"P6"'.replace("USD", "HUF")),
        ('"SB","P6"', '"SB",""'),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    for code in ("SF", "RF"):
        text = text.replace('"CR",0,"CR",0,6', '"CR",0,"CR",0,5', 1)
        text = text.replace(f'"{code}"', f'"{code}","HUF",0,0,0,0,"CR",0,"CR",0,1\n"{code}"', 1)
    write(NAME, *text.split("\n"))
    told = refused("payments", NAME).splitlines()
    event, currencies = "is no event that template paypal_settlement knows", "AUD or BRL or CAD or CHF or"
    expected = [
        f"6: column \"Transaction Event Code\": 'T3300 CR' {event}",
        f"7: column \"Transaction Event Code\": 'T00 CR' {event}",
        "8: column \"Transaction Completion Date\": '2026-01-06T29:00:01-08:00' is no time",
        f"9: column \"Gross Transaction Currency\": 'HUF' is not {currencies}",
        '10: column "Transaction ID": is empty.',
    ]
    for found, start in zip(told, expected, strict=False):
        assert found.startswith(f"{NAME}:{start}")
    assert len(told) == len(expected) + 1 and told[-1].startswith("Nothing was loaded. 5 faults in 5 lines.")
    assert counts(duckdb_settings) == (0, 0, 0)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"10000"', '"100.00"', "column \"Gross Transaction Amount\": '100.00' is no whole number: amounts are in"),
        ('"10000"', '"-10000"', "column \"Gross Transaction Amount\": '-10000' is no whole number: amounts are in"),
        ('"320"', '"3,20"', "column \"Fee Amount\": '3,20' is no whole number: amounts are in the smallest unit of"),
        ('"CR","10000"', '"","10000"', "column \"Transaction Debit or Credit\": '' is neither CR nor DR"),
        ('"DR","320"', '"","320"', "column \"Fee Debit or Credit\": '' is neither CR nor DR"),
        ('"SB",', '"SB","",', "the line has 20 of 19 columns"),
    ],
)
def test_a_row_without_which_no_total_can_be_compared(duckdb_settings: Settings, old: str, new: str, told: str) -> None:
    text = "\n".join(report(SELLER))
    assert old in text
    write(NAME, *text.replace(old, new, 1).split("\n"))
    found = refused("payments", NAME, "--reject", "5")
    assert found.startswith(f"{NAME}:5: {told}")
    assert found.endswith(". Nothing was loaded. Fetch the file again.")
    assert counts(duckdb_settings) == (0, 0, 0)


def test_a_row_that_is_set_aside_still_counts_in_the_totals(duckdb_settings: Settings) -> None:
    lines = body(Movement("P1", "T0006", 10000, -320), Movement("A1", "T1300", 500), Movement("P2", "T0006", 70, -7))
    lines = "\n".join(lines).replace('"7","USD"', '"7","EUR"').split("\n")
    dollars, euros = '"SF","USD",10570,0,0,320,"CR",100,"CR",10350,3', '"SF","EUR",0,0,0,7,"CR",7,"CR",0,0'
    write(NAME, *lines[:7], dollars, euros, lines[8], *[line for line in lines[9:] if '"RF"' not in line])
    told = refused("payments", NAME).splitlines()
    assert told[0].startswith(f"{NAME}:6: column \"Transaction Event Code\": 'T1300 CR' is no event")
    assert told[1].startswith(f"{NAME}:7: column \"Fee Currency\": 'EUR' is not the currency of the amount, USD.")
    assert "3 rows read = 1 loaded + 2 rejected" in loaded("payments", NAME, "--reject", "6", "--reject", "7")
    found = rows(duckdb_settings, "select line_no, reason_code, raw_text from raw.rejected_rows order by 1")
    assert [row[:2] for row in found] == [(6, "unknown_value"), (7, "other_currency")]
    assert found[0][2].startswith('"SB","A1",')


def in_a_zip(*files: list[str]) -> str:
    with zipfile.ZipFile("STL-20260106.zip", "w") as archive:
        for number, lines in enumerate(files, 1):
            archive.writestr(f"STL-20260106.{number:02}.009.CSV", "\n".join(lines) + "\n")
    return "STL-20260106.zip"


def test_a_report_in_several_files(duckdb_settings: Settings) -> None:
    second = Section([Movement("P2", "T0006", 500, -20, "EUR", "O-2")], "SELLER2")
    files = [report(SELLER, last=False), report(second, before=[SELLER], number=2)]
    name = in_a_zip(*files)
    summary = loaded("payments", name)
    assert "5 rows read = 5 loaded" in summary and "number of rows of the report 5" in summary
    # Totals of the report are those of all its files; each file tells its own too.
    wrong = [line.replace('"RC",5', '"RC",6').replace('"RF","USD",10000', '"RF","USD",10001') for line in files[1]]
    told = refused("payments", in_a_zip(files[0], wrong)).splitlines()
    place = f"{name}:%d (STL-20260106.02.009.CSV:%d): the file declares"
    assert told[:2] == [
        f'{place % (19, 8)} "gross credits in USD of the report" 10001, found 10000.',
        f'{place % (21, 10)} "number of rows of the report" 6, found 5.',
    ]
    # The second file alone: the totals of the report cannot be compared, those of its section and its own are.
    write("STL-20260106.02.009.CSV", *wrong)
    assert "1 rows read = 0 loaded + 0 rejected + 1 repeated" in loaded("payments", "STL-20260106.02.009.CSV")
    write("STL-20260106.02.009.CSV", *[line.replace('"FF",1', '"FF",2') for line in files[1]])
    assert '"number of rows of file 2 (FF)" 2, found 1.' in refused("payments", "STL-20260106.02.009.CSV")


def test_a_report_that_goes_on_after_its_end(duckdb_settings: Settings) -> None:
    name = in_a_zip(report(SELLER), report(Section([Movement("P2", "T0006", 500)]), number=2))
    told = "file 2 goes on with a report that the file before it ended (RC). Nothing was loaded. Fetch the file again."
    assert refused("payments", name) == f"{name}:15: {told}"


def test_a_fee_of_nothing_needs_no_side(duckdb_settings: Settings) -> None:
    text = "\n".join(body(Movement("P1", "T0006", 700))).replace('"700","USD","",""', '"700","USD","","0"')
    write(NAME, *text.split("\n"))
    loaded("payments", NAME)
    assert rows(duckdb_settings, "select amount, fee from raw.payments") == [(Decimal("7"), Decimal("0"))]


def test_a_template_of_ones_own_says_what_one_code_is(
    duckdb_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("own").mkdir()
    shipped = template_named(duckdb_settings, "paypal_settlement", "payments").body
    group = "    T00 CR: payment"
    assert group in shipped
    Path("own/paypal_settlement.yml").write_text(shipped.replace(group, f"{group}\n    T0013 CR: moved"))
    monkeypatch.setenv("SETTLE_TEMPLATES", str(Path("own").absolute()))
    write(NAME, *body(Movement("P1", "T0006", 700), Movement("P2", "T0013", 500)))
    loaded("payments", NAME)
    found = rows(duckdb_settings, "select txn_type, fee from raw.payments order by _line_no")
    assert found == [("payment", None), ("payout", Decimal("-5"))]


def test_reports_of_two_days_in_one_zip_have_totals_of_their_own(duckdb_settings: Settings) -> None:
    second = Section([Movement("P2", "T0006", 500, -20, "USD", "O-2")])
    summary = loaded("payments", in_a_zip(report(SELLER), report(second)))
    assert "5 rows read = 5 loaded" in summary


EVENTS = {
    "T0006": "payment", "T1107": "refund", "T0400": "payout", "T0100": "moved", "T2103": "moved", "T0200": "moved",
}  # fmt: skip
MOVEMENTS = st.builds(
    lambda code, amount, fee, currency, invoice: Movement(
        "", code, amount if code == "T0006" else -amount, fee, currency, invoice
    ),
    st.sampled_from(sorted(EVENTS)), st.integers(1, 10**12), st.integers(-(10**6), 10**6),
    st.sampled_from(["USD", "EUR", "JPY"]), st.sampled_from(["", "O-1", 'O "2", 3', "单-4"]),
)  # fmt: skip
SECTIONS = st.builds(
    lambda movements, account, opening, names: Section(movements, account, opening, names),
    st.lists(MOVEMENTS, max_size=6), st.sampled_from(["SELLER1", "SELLER2"]), st.integers(-(10**9), 10**9),
    st.permutations(NAMES),
)  # fmt: skip


# Each world is a load, so a failure is shown as it was found: to make it smaller would take minutes.
@hypothesis_settings(
    max_examples=12,
    derandomize=True,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(SECTIONS, min_size=1, max_size=4))
def test_any_report_loads_as_it_was_written(duckdb_settings: Settings, sections: list[Section]) -> None:
    already = rows(duckdb_settings, "select count(*) from raw.payments")[0][0]
    numbered: list[Section] = []
    expected: list[tuple[object, ...]] = []
    for section in sections:
        movements = []
        for each in section.movements:
            txn = f"X{already + len(expected)}"
            movements.append(Movement(txn, each.code, each.gross, each.fee, each.currency, each.invoice))
            kind, exponent = EVENTS[each.code], 0 if each.currency == "JPY" else 2
            fee = {"refund": each.fee, "moved": -each.gross - each.fee}.get(kind, -each.fee)
            amount = 0 if kind == "moved" else abs(each.gross)
            expected.append(
                (
                    f"{txn}-{each.code}-{each.currency}" if kind == "moved" else txn,
                    section.account,
                    "payout" if kind == "moved" else kind,
                    (each.invoice or None) if kind in ("payment", "refund") else None,
                    Decimal(amount).scaleb(-exponent),
                    each.currency,
                    Decimal(fee).scaleb(-exponent) if each.fee or kind == "moved" else None,
                )
            )
        numbered.append(Section(movements, section.account, section.opening, section.names))
    write(NAME, *report(*numbered))
    loaded("payments", NAME)
    found = rows(
        duckdb_settings,
        "select channel_txn_no, account_no, txn_type, order_no, amount, currency, fee from raw.payments "
        "where _file_id = (select max(file_id) from raw.load_files) order by _line_no",
    )
    assert found == expected


def test_the_inbox_knows_a_report_by_its_name(duckdb_settings: Settings) -> None:
    Path("inbox").mkdir()
    write("inbox/STL-20260106.01.009.CSV", *body(Movement("P1", "T0006", 100)))
    # With several accounts the name also tells the window and the number of files.
    write("inbox/STL-20260107.A.01.01.009.CSV", *body(Movement("P2", "T0006", 100)))
    assert loaded("inbox", "inbox").count("template paypal_settlement") == 2
