"""Every kind of bad file: the words it is refused with, the exit code, and that nothing was loaded."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from settle.cli import app
from settle.settings import Settings
from tests.scripts.loading import (
    GOOD_ORDER,
    GOOD_PAYMENT,
    ORDER_HEADER,
    PAYMENT_HEADER,
    counts,
    load,
    loaded,
    refused,
    rows,
    said,
    write,
)

ASIDE = (
    "Nothing was loaded. 1 fault in 1 line. Fix the file, or set lines aside: "
    "settle load orders orders.csv --reject 3 (or --reject-bad)"
)
ROUND = "Round it where it comes from; nothing is rounded here."
PLAIN = "is no amount. Write plain decimal text such as 1234.50."
MAP_IT = "Write one of them, or use a template that maps it."
ISO = "is no time. Write it as 2026-01-05T10:30:00+08:00; without an offset it is in the business time zone."
ORDER_TYPES = "subscription, disbursement, repayment, compensation, redemption, sale, recharge, withdrawal, refund"
EMPTY = "is empty. Every row needs it."


def order(
    amount: str = "5.00", currency: str = "CNY", status: str = "success", at: str = "2026-01-05T10:00:00+08:00",
    order_no: str = "A2", order_type: str = "sale",
) -> str:  # fmt: skip
    """An order line with one value that differs."""
    return f"{order_no},{order_type},{currency},{amount},{status},{at}"


BAD_LINES = [
    (order("1.005"), f"column \"amount\": '1.005' has more than two decimals for CNY. {ROUND}"),
    (order("1.5", "JPY"), f"column \"amount\": '1.5' has decimals for JPY. {ROUND}"),
    (order("1.0005", "KWD"), f"column \"amount\": '1.0005' has more than three decimals for KWD. {ROUND}"),
    (order("1.00005", "XXQ"), f"column \"amount\": '1.00005' has more than four decimals for XXQ. {ROUND}"),
    (
        order("9999999999999999.000", "KWD"),
        "column \"amount\": '9999999999999999.000' is too large to be counted in minor units. Check the amount.",
    ),
    (order("1e17"), "column \"amount\": '1e17' is in exponent notation. Write all its digits."),
    (order("1.2E+17"), "column \"amount\": '1.2E+17' is in exponent notation. Write all its digits."),
    (
        order("12345678901234567"),
        "column \"amount\": '12345678901234567' has more than 16 digits before the point. Check the amount.",
    ),
    (
        order('"1,234.50"'),
        "column \"amount\": '1,234.50' has thousands separators. Write 1234.50, or use a template that declares them.",
    ),
    (
        order('"1234,50"'),
        "column \"amount\": '1234,50' has a decimal comma. Write 1234.50, or use a template that declares it.",
    ),
    (order(" 12.00"), "column \"amount\": ' 12.00' has blanks around it. Write 12.00."),
    (order("+5"), f"column \"amount\": '+5' {PLAIN}"),
    (order("5."), f"column \"amount\": '5.' {PLAIN}"),
    (order("NaN"), f"column \"amount\": 'NaN' {PLAIN}"),
    (order(status="paid"), f"column \"status\": 'paid' is none of pending, success, failed, closed. {MAP_IT}"),
    (order(status="Success"), f"column \"status\": 'Success' is none of pending, success, failed, closed. {MAP_IT}"),
    (order(order_type="swap"), f"column \"order_type\": 'swap' is none of {ORDER_TYPES}. {MAP_IT}"),
    (order(order_no=""), f'column "order_no": {EMPTY}'),
    (order(order_no="   "), f'column "order_no": {EMPTY}'),
    (order(currency=""), f'column "currency": {EMPTY}'),
    (order(at=""), f'column "ordered_at": {EMPTY}'),
    (order(at="2026-02-30T10:00:00+08:00"), f"column \"ordered_at\": '2026-02-30T10:00:00+08:00' {ISO}"),
    (order(at="05/01/2026 10:00"), f"column \"ordered_at\": '05/01/2026 10:00' {ISO}"),
    (order(at="2026-01-05"), f"column \"ordered_at\": '2026-01-05' {ISO}"),
    ("A2,sale,CNY,5.00,success", "the line has 5 of 6 columns, too few: a value is missing."),
    (f"{order()},x", "the line has 7 of 6 columns, too many: a value may need quotation marks."),
    (
        order('"5".00'),
        "the line has damaged quotation marks. Close each one, and double it inside a quoted value.",
    ),
]


@pytest.mark.parametrize(("line", "told"), BAD_LINES, ids=[line for line, _ in BAD_LINES])
def test_a_bad_line_refuses_the_whole_file(duckdb_settings: Settings, line: str, told: str) -> None:
    write("orders.csv", ORDER_HEADER, GOOD_ORDER, line, "A3,sale,CNY,1,success,2026-01-05T11:00:00Z")
    assert refused("orders", "orders.csv") == f"orders.csv:3: {told}\n{ASIDE}"
    assert counts(duckdb_settings) == (0, 0, 0)


def test_a_bad_line_refuses_the_whole_file_on_postgres(postgres_settings: Settings) -> None:
    write("orders.csv", ORDER_HEADER, GOOD_ORDER, "A2,sale,CNY,1.005,paid,2026-01-05T10:00:00+08:00")
    message = refused("orders", "orders.csv")
    assert "orders.csv:3: column \"amount\": '1.005' has more than two decimals for CNY." in message
    assert "orders.csv:3: column \"status\": 'paid' is none of" in message
    assert "2 faults in 1 line." in message
    assert counts(postgres_settings) == (0, 0, 0)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "WECHAT,T2,A2,payment,-5.00,CNY,success,",
            "column \"amount\": '-5.00' is negative. The direction is told by the type of the row; "
            "write the amount without a sign.",
        ),
        ("WECHAT,T2,A2,payment,,CNY,success,", 'column "amount": is empty. Every row needs it.'),
        ("WECHAT,,A2,payment,5.00,CNY,success,", 'column "channel_txn_no": is empty. Every row needs it.'),
        (
            "WECHAT,T2,A2,sale,5.00,CNY,success,",
            f"column \"txn_type\": 'sale' is none of payment, refund, payout. {MAP_IT}",
        ),
        (
            "WECHAT,T2,A2,payment,5.00,CNY,closed,",
            f"column \"status\": 'closed' is none of success, failed, pending, refunded. {MAP_IT}",
        ),
    ],
)
def test_a_bad_payment_line_refuses_the_whole_file(duckdb_settings: Settings, line: str, told: str) -> None:
    write("payments.csv", PAYMENT_HEADER, GOOD_PAYMENT, line)
    assert refused("payments", "payments.csv").startswith(f"payments.csv:3: {told}\n")
    assert counts(duckdb_settings) == (0, 0, 0)


def test_negative_and_zero_orders_and_zero_payments_load_and_wait_for_sorting(any_settings: Settings) -> None:
    write("orders.csv", ORDER_HEADER, *(f"A{n},sale,CNY,{n - 2},success,2026-01-05T10:00:00Z" for n in (1, 2, 3)))
    write("payments.csv", PAYMENT_HEADER, "WECHAT,T1,A1,payment,0,CNY,success,")
    loaded("orders", "orders.csv")
    loaded("payments", "payments.csv")
    amounts = rows(any_settings, "select amount from raw.orders order by order_no")
    assert [str(amount) for (amount,) in amounts] == ["-1.0000", "0.0000", "1.0000"]


def test_an_unknown_currency_and_participant_load_and_wait_for_sorting(any_settings: Settings) -> None:
    write("orders.csv", f"{ORDER_HEADER},participant_id", "A1,sale,XXQ,1.0005,success,2026-01-05T10:00:00Z,NOBODY")
    loaded("orders", "orders.csv")
    assert rows(any_settings, "select currency, participant_id from raw.orders") == [("XXQ", "NOBODY")]


def test_the_first_twenty_faults_are_shown_and_all_are_counted(duckdb_settings: Settings) -> None:
    lines = [f"A{n},sale,CNY,x{n},success,2026-01-05T10:00:00Z" for n in range(25)]
    write("orders.csv", ORDER_HEADER, *lines)
    told = refused("orders", "orders.csv").splitlines()
    assert [line.split(":")[1] for line in told[:20]] == [str(number) for number in range(2, 22)]
    assert told[20] == "orders.csv: and 5 more faults."
    assert told[21] == (
        "Nothing was loaded. 25 faults in 25 lines. Fix the file, or set lines aside: "
        "settle load orders orders.csv --reject-bad"
    )


def test_the_line_named_is_the_physical_one_after_blank_lines_and_quoted_line_ends(any_settings: Settings) -> None:
    head = f"{ORDER_HEADER},customer_id"
    write(
        "orders.csv", head, f"{GOOD_ORDER},one", "", '"A2",sale,CNY,1,success,2026-01-05T10:00:00Z,"two', 'lines"',
        "A3,sale,CNY,bad,success,2026-01-05T10:00:00Z,", newline="\r\n",
    )  # fmt: skip
    assert refused("orders", "orders.csv").startswith("orders.csv:6: column \"amount\": 'bad'")
    loaded("orders", "orders.csv", "--reject", "6")
    assert rows(any_settings, "select order_no, _line_no, customer_id from raw.orders order by 1") == [
        ("A1", 2, "one"),
        ("A2", 4, "two\r\nlines"),
    ]
    assert rows(any_settings, "select rows_read, rows_loaded, rows_rejected, rows_blank from raw.load_files") == [
        (3, 2, 1, 1)
    ]
    assert rows(
        any_settings, "select line_no, column_name, column_value, reason_code, raw_text from raw.rejected_rows"
    ) == [(6, "amount", "bad", "bad_amount", "A3,sale,CNY,bad,success,2026-01-05T10:00:00Z,")]


def test_rejecting_some_faulty_lines_is_not_enough(duckdb_settings: Settings) -> None:
    write("orders.csv", ORDER_HEADER, "A1,sale,CNY,x,success,2026-01-05T10:00:00Z", "A2,sale,CNY,1", GOOD_ORDER)
    told = refused("orders", "orders.csv", "--reject", "2")
    assert told.startswith("orders.csv:3: the line has 4 of 6 columns")
    assert "1 fault in 1 line" in told
    summary = loaded("orders", "orders.csv", "--reject", "2", "--reject", "3")
    assert "3 rows read = 1 loaded + 2 rejected + 0 repeated" in summary
    assert counts(duckdb_settings) == (1, 2, 1)


def test_a_good_line_may_be_set_aside_and_a_line_that_is_not_there_may_not(any_settings: Settings) -> None:
    write("orders.csv", ORDER_HEADER, GOOD_ORDER, "A2,sale,CNY,1,success,2026-01-05T10:00:00Z")
    assert refused("orders", "orders.csv", "--reject", "9") == (
        "orders.csv: --reject 9: no such line; the file has 3. Nothing was loaded."
    )
    loaded("orders", "orders.csv", "--reject", "3")
    assert rows(any_settings, "select line_no, reason_code, reason from raw.rejected_rows") == [
        (3, "set_aside", "set aside by --reject")
    ]


def test_reject_bad_sets_every_faulty_line_aside_and_loads_the_rest(any_settings: Settings) -> None:
    bad = [f"B{n},sale,CNY,1.005,paid,2026-01-05T10:00:00Z" for n in range(30)]
    write("orders.csv", ORDER_HEADER, GOOD_ORDER, *bad, 'C1,sale,CNY,"1,success', "C2,sale")
    result = load("orders", "orders.csv", "--reject-bad")
    assert result.exit_code == 0, result.output
    assert said(result) == "orders.csv: 31 lines were set aside; they are in the rejects."
    assert rows(any_settings, "select rows_read, rows_loaded, rows_rejected from raw.load_files") == [(32, 1, 31)]
    assert rows(any_settings, "select reason_code, count(*) from raw.rejected_rows group by 1 order by 1") == [
        ("bad_amount", 30),
        ("damaged_quoting", 1),
    ]
    reason = rows(any_settings, "select min(reason) from raw.rejected_rows where line_no = 3")[0][0]
    assert "has more than two decimals" in reason and "is none of pending" in reason


def test_a_quotation_mark_that_is_never_closed(duckdb_settings: Settings) -> None:
    write("orders.csv", ORDER_HEADER, GOOD_ORDER, 'A2,sale,CNY,"5.00,success,2026-01-05T10:00:00Z', "A3,sale")
    assert refused("orders", "orders.csv").startswith(
        "orders.csv:3: the line has a quotation mark that is never closed: the file is damaged or cut short. "
        "Close it, or double it if it belongs to the text.\n"
    )
    assert counts(duckdb_settings) == (0, 0, 0)


def test_a_file_cut_in_the_middle_of_a_line(duckdb_settings: Settings) -> None:
    write("orders.csv", ORDER_HEADER, GOOD_ORDER, "A2,sale,CNY,5.0", last=False)
    assert refused("orders", "orders.csv").startswith(
        "orders.csv:3: the line has 4 of 6 columns, too few: a value is missing. "
        "The file ends here without a line end: it is cut short. Fetch it again.\n"
    )


def test_a_gzip_file_cut_short(duckdb_settings: Settings) -> None:
    text = "\n".join([ORDER_HEADER, *(GOOD_ORDER.replace("A1", f"A{n}") for n in range(5000))])
    Path("orders.csv.gz").write_bytes(gzip.compress(text.encode())[:-100])
    assert refused("orders", "orders.csv.gz") == (
        "orders.csv.gz: the gzip file is cut short. Nothing was loaded. Fetch it again."
    )


def test_a_zip_file_cut_short(duckdb_settings: Settings) -> None:
    with zipfile.ZipFile("orders.zip", "w") as archive:
        archive.writestr("orders.csv", f"{ORDER_HEADER}\n{GOOD_ORDER}\n")
    Path("orders.zip").write_bytes(Path("orders.zip").read_bytes()[:-30])
    assert "orders.zip: the zip file is damaged or cut short" in refused(
        "orders", "orders.zip", "--template", "canonical"
    )


@pytest.mark.parametrize("name", ["orders.zip", "orders.csv.gz"])
def test_a_zip_bomb_is_refused_before_it_is_unpacked(
    duckdb_settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    text = f"{ORDER_HEADER}\n" + "0" * (80 << 20)
    if name.endswith("zip"):
        with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("orders.csv", text)
    else:
        Path(name).write_bytes(gzip.compress(text.encode()))
    told = refused("orders", name)
    assert f"{name}: unpacks to " in told and "it looks like a zip bomb. Nothing was loaded." in told
    monkeypatch.setenv("SETTLE_MAX_UNPACKED_BYTES", "1000")
    assert refused("orders", name) == (
        f"{name}: unpacks to more than 1,000 bytes. Nothing was loaded. "
        "If the file is meant to be so large, raise SETTLE_MAX_UNPACKED_BYTES."
    )


def test_a_missing_column_is_named_with_the_closest_one(duckdb_settings: Settings) -> None:
    write("orders.csv", ORDER_HEADER.replace("order_no", "order_number"), GOOD_ORDER)
    assert refused("orders", "orders.csv") == (
        'orders.csv:1: column "order_no" is missing; the closest in the file is "order_number". Rename or add it.\n'
        "Nothing was loaded. The file was read with template canonical (orders)."
    )


def test_an_extra_column_is_named(any_settings: Settings) -> None:
    write("orders.csv", f"{ORDER_HEADER},customer", f"{GOOD_ORDER},X")
    assert refused("orders", "orders.csv") == (
        'orders.csv:1: column "customer" is not known. Is it "customer_id"? Remove it, or use a template that '
        "ignores it.\nNothing was loaded. The file was read with template canonical (orders)."
    )
    assert counts(any_settings) == (0, 0, 0)


def test_a_column_that_comes_twice(duckdb_settings: Settings) -> None:
    write("orders.csv", f"{ORDER_HEADER},amount", f"{GOOD_ORDER},1")
    assert refused("orders", "orders.csv") == (
        'orders.csv:1: column "amount" comes twice in the header. Nothing was loaded.'
    )


def test_a_header_that_no_template_has(duckdb_settings: Settings) -> None:
    write("stuff.csv", "a,b,c", "1,2,3")
    told = refused("orders", "stuff.csv")
    assert told.startswith("stuff.csv: no template for orders fits its header. Nothing was loaded. The closest:\n")
    assert "  canonical misses order_no, order_type, currency, status, ordered_at\n" in told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "orders.csv: is empty, it has not even a header. Nothing was loaded. Fetch the file again."),
        (b"\xff\xfea\x00", "orders.csv: is UTF-16. Nothing was loaded. Save it as UTF-8."),
    ],
)
def test_an_empty_file_and_utf16(duckdb_settings: Settings, content: bytes, told: str) -> None:
    Path("orders.csv").write_bytes(content)
    assert refused("orders", "orders.csv", "--template", "canonical") == told


def test_a_header_without_rows_is_no_error(any_settings: Settings) -> None:
    write("orders.csv", ORDER_HEADER)
    assert loaded("orders", "orders.csv").startswith("orders.csv: 0 rows read = 0 loaded")
    assert counts(any_settings) == (1, 0, 0)


def test_bytes_of_another_encoding(duckdb_settings: Settings) -> None:
    text = f"{ORDER_HEADER},customer_id\n{GOOD_ORDER},x\n{GOOD_ORDER.replace('A1', 'A2')},中文\n"
    Path("orders.csv").write_bytes(text.encode("gbk"))
    assert refused("orders", "orders.csv") == (
        "orders.csv:3: byte 0xd6 at position 53 is not UTF-8. Nothing was loaded. "
        "It can be read as GB18030 (GBK): save it as UTF-8, or use a template that declares gb18030."
    )


def test_a_folder_a_missing_file_and_an_unknown_kind(duckdb_settings: Settings) -> None:
    Path("in").mkdir()
    write("orders.doc", "x")
    assert refused("orders", "in") == "in: is a folder. Name a file, or load the folder: settle load inbox in"
    assert refused("orders", "gone.csv") == "gone.csv: there is no such file. Check the path."
    assert "orders.doc: what kind of file is it?" in refused("orders", "orders.doc")
    assert refused("order", "orders.csv") == (
        "'order' is no dataset. Use orders, order_lines, payments, bank_returns, bank_deposits, spv_reports, "
        "or inbox with a folder."
    )


def test_attributes_must_be_a_json_object(any_settings: Settings) -> None:
    lines = [
        f'A{n},sale,CNY,1,success,2026-01-05T10:00:00Z,"{text}"'
        for n, text in enumerate(
            ('{""a"": 1}', "[1]", '{""a"": 1,}', '{""a"": NaN}', '{""a"": "",]""}', "{}", '{""a""')
        )
    ]
    write("orders.csv", f"{ORDER_HEADER},attributes", *lines)
    told = refused("orders", "orders.csv")
    assert [line.split(":")[1] for line in told.splitlines()[:-1]] == ["3", "4", "5", "8"]
    assert told.startswith("orders.csv:3: column \"attributes\": '[1]' is no JSON object. Write one, such as")
    loaded("orders", "orders.csv", "--reject-bad")
    assert rows(any_settings, "select attributes from raw.orders order by _line_no") == [
        ('{"a": 1}',),
        ('{"a": ",]"}',),
        ("{}",),
    ]


def test_versions_are_whole_numbers_from_one(duckdb_settings: Settings) -> None:
    lines = [f"A{n},{v},sale,CNY,1,success,2026-01-05T10:00:00Z" for n, v in enumerate(("1", "0", "1.0", "-1", "x"))]
    write("orders.csv", ORDER_HEADER.replace("order_no", "order_no,version"), *lines)
    told = refused("orders", "orders.csv").splitlines()
    assert told[0] == "orders.csv:3: column \"version\": '0' is no whole number from 1 up."
    assert len(told) == 5


def test_a_locked_warehouse_says_who_holds_it(duckdb_settings: Settings) -> None:
    write("orders.csv", ORDER_HEADER, GOOD_ORDER)
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(duckdb_settings.warehouse_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin and holder.stdout
    try:
        holder.stdout.readline()
        told = refused("orders", "orders.csv", code=3)
        words = ["resolve", "C|A", "--action", "level_out", "--reason", "agreed", "--by", "Li"]
        decided = CliRunner().invoke(app, words)
    finally:
        holder.stdin.close()
        holder.wait()
        holder.stdout.close()
    assert told.startswith(f"{duckdb_settings.warehouse_path}: the warehouse is locked by process {holder.pid} (python")
    assert told.endswith("Nothing was changed. Wait until it ends, then try again.")
    assert (decided.exit_code, decided.stderr.strip()) == (3, told)
    loaded("orders", "orders.csv")


def test_another_load_on_postgres_says_who_holds_it(postgres_settings: Settings) -> None:
    from settle.warehouse import open_warehouse

    write("orders.csv", ORDER_HEADER, GOOD_ORDER)
    with open_warehouse(postgres_settings) as warehouse, warehouse.exclusive():
        pid = warehouse.execute("select pg_backend_pid()")[0][0]
        told = refused("orders", "orders.csv", code=3)
    assert told == (
        f"the warehouse is being loaded by server process {pid} (settle). Nothing was changed. "
        "Wait until it ends, then try again."
    )


def test_a_server_that_is_not_there(postgres_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    write("orders.csv", ORDER_HEADER, GOOD_ORDER)
    monkeypatch.setenv("SETTLE_PG_HOST", str(Path.cwd()))
    told = refused("orders", "orders.csv", code=3)
    assert told.startswith("PostgreSQL ") and told.endswith("Nothing was changed. Start it, then try again.")


def test_no_room_for_the_archive_leaves_nothing(any_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    write("orders.csv", ORDER_HEADER, GOOD_ORDER)
    # Writing to this device fails as a full disk does, at the last moment before the commit.
    monkeypatch.setattr("settle.load.archive._compress", lambda source, target: Path("/dev/full").write_bytes(b"x"))
    told = refused("orders", "orders.csv", code=3)
    assert told == (
        "there is no room left on the disk (No space left on device). The file was not loaded, nothing is half done. "
        "Make room, try again."
    )
    assert counts(any_settings) == (0, 0, 0)
    monkeypatch.undo()


def test_no_profile_of_ours(duckdb_settings: Settings) -> None:
    write("orders.csv", ORDER_HEADER, GOOD_ORDER)
    file = Path(os.environ["DBT_PROFILES_DIR"]) / "profiles.yml"
    file.write_text("other: {outputs: {}}\n")
    assert refused("orders", "orders.csv") == (
        f"{file}: has no profile 'settlement' with outputs. Copy it from profiles.example.yml of the project."
    )
    file.unlink()
    assert refused("orders", "orders.csv") == (
        f"DBT_PROFILES_DIR: {file.parent} holds no profiles.yml. Copy profiles.example.yml there as profiles.yml, "
        "or unset the variable to use the shipped one."
    )


def test_each_row_is_checked_by_its_own_currency(any_settings: Settings) -> None:
    good = [
        order("1.00", "CNY", order_no="A1"),
        order("1.0005", "XXQ", order_no="A2"),
        order("7.000", "JPY", order_no="A3"),
    ]
    write("good.csv", ORDER_HEADER, *good)
    assert "3 rows read = 3 loaded" in loaded("orders", "good.csv")
    bad = [order("1.001"), order("1.0005", "XXQ"), order("1.00001", "XXQ"), order("7.1", "JPY"), order("1.0001", "KWD")]
    write("bad.csv", ORDER_HEADER, *bad)
    told = refused("orders", "bad.csv").splitlines()
    assert [line.split(":")[1] for line in told[:-1]] == ["2", "4", "5", "6"]
