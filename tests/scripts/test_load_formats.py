"""The same rows from every format, with the line numbers a person would count, and exactly the amounts written."""

from __future__ import annotations

import gzip
import json
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from settle.load.archive import archived_lines
from settle.load.catalog import template_named
from settle.settings import Settings
from tests.scripts.loading import GOOD_ORDER, ORDER_HEADER, counts, loaded, refused, rows, write

COLUMNS = ["order_no", "version", "order_type", "currency", "amount", "status", "ordered_at", "attributes"]
TABLE = [
    ["A1", "1", "sale", "CNY", "10.10", "success", "2026-01-05T10:00:00+08:00", ""],
    ["A2", "2", "sale", "KWD", "123456789012345.678", "pending", "2026-01-05 10:00", '{"principal": "5.00"}'],
    ["001", "1", "refund", "JPY", "7", "closed", "2026-01-05T02:00:00.250Z", ""],
]
EXPECTED = [
    ("A1", 1, "sale", "CNY", Decimal("10.1000"), "success", datetime(2026, 1, 5, 2, 0), None, 2),
    ("A2", 2, "sale", "KWD", Decimal("123456789012345.6780"), "pending", datetime(2026, 1, 5, 2, 0),
     '{"principal": "5.00"}', 3),
    ("001", 1, "refund", "JPY", Decimal("7.0000"), "closed", datetime(2026, 1, 5, 2, 0, 0, 250000), None, 4),
]  # fmt: skip


def as_csv(table: list[list[str]] = TABLE, columns: list[str] = COLUMNS) -> str:
    quoted = [['"' + cell.replace('"', '""') + '"' if '"' in cell else cell for cell in row] for row in table]
    return "\n".join(",".join(row) for row in [columns, *quoted]) + "\n"


def as_xlsx(path: str, table: list[list[Any]] = TABLE, columns: list[str] = COLUMNS) -> None:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([columns, *table]):
            for at, cell in enumerate(row):
                if cell != "":
                    (sheet.write_number if isinstance(cell, int | float) else sheet.write_string)(number, at, cell)


def as_parquet(path: str, **changed: pa.Array) -> None:
    columns: dict[str, Any] = {name: [row[at] or None for row in TABLE] for at, name in enumerate(COLUMNS)}
    pq.write_table(pa.table({**columns, **changed}), path)


def written(kind: str) -> str:
    name = f"orders.{kind}"
    if kind == "csv":
        Path(name).write_text(as_csv())
    elif kind == "csv.gz":
        Path(name).write_bytes(gzip.compress(as_csv().encode()))
    elif kind == "zip":
        with zipfile.ZipFile(name, "w") as archive:
            archive.writestr("folder/orders.csv", as_csv())
    elif kind == "xlsx":
        as_xlsx(name)
    elif kind == "parquet":
        as_parquet(name)
    else:
        lines = ["{}"] + [json.dumps(dict(zip(COLUMNS, row, strict=True))) for row in TABLE]
        text = "\n".join(["", *lines[1:]]) + "\n"
        Path(name).write_bytes(gzip.compress(text.encode()) if kind.endswith("gz") else text.encode())
    return name


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "zip", "xlsx", "parquet", "ndjson", "ndjson.gz"])
def test_every_format_gives_the_same_rows(any_settings: Settings, kind: str) -> None:
    name = written(kind)
    loaded("orders", name)
    # A Parquet file has no header line, its rows count from 1.
    first = {"parquet": 1}.get(kind, 2)
    found = rows(any_settings, f"select {', '.join(COLUMNS)}, _line_no from raw.orders order by _line_no")
    assert found == [(*row[:-1], row[-1] - 2 + first) for row in EXPECTED]
    archive_path, sha256 = rows(any_settings, "select archive_path, sha256 from raw.load_files")[0]
    template = template_named(any_settings, "canonical", "orders")
    line = archived_lines(Path(archive_path), template, {first + 1})[first + 1]
    assert "A2" in line and "123456789012345.678" in line and "A1" not in line
    assert (archive_path == str(Path(name).absolute())) == (kind == "parquet")
    assert kind == "parquet" or sha256 in archive_path


def test_a_large_file_keeps_its_line_numbers(duckdb_settings: Settings) -> None:
    lines = (f"A{n},sale,CNY,{n}.25,success,2026-01-05T10:00:00Z" for n in range(2, 400_002))
    write("orders.csv", ORDER_HEADER, *lines)
    loaded("orders", "orders.csv")
    wrong = "select count(*) filter (order_no <> 'A' || _line_no), count(*), max(_line_no) from raw.orders"
    assert rows(duckdb_settings, wrong) == [(0, 400_000, 400_001)]


def test_a_zip_of_several_files_counts_lines_on_and_names_the_file_inside(any_settings: Settings) -> None:
    with zipfile.ZipFile("orders.zip", "w") as archive:
        archive.writestr("b.csv", f"{ORDER_HEADER}\nB1,sale,CNY,bad,success,2026-01-05T10:00:00Z\n")
        archive.writestr("a.csv", f"{ORDER_HEADER}\n{GOOD_ORDER}\n")
    told = refused("orders", "orders.zip")
    assert told.startswith("orders.zip:4 (b.csv:2): column \"amount\": 'bad' is no amount.")
    loaded("orders", "orders.zip", "--reject", "4")
    assert rows(any_settings, "select line_no, raw_text from raw.rejected_rows") == [
        (4, "B1,sale,CNY,bad,success,2026-01-05T10:00:00Z")
    ]


def test_a_zip_with_something_else_in_it(duckdb_settings: Settings) -> None:
    with zipfile.ZipFile("orders.zip", "w") as archive:
        archive.writestr("a.csv", f"{ORDER_HEADER}\n{GOOD_ORDER}\n")
        archive.writestr("b.pdf", "x")
    assert refused("orders", "orders.zip") == (
        "orders.zip: holds 'b.pdf', which is no csv file of this layout. Nothing was loaded. "
        "Take it out, or unpack the files and load each."
    )


def test_numbers_of_a_spreadsheet_are_read_as_shown(duckdb_settings: Settings) -> None:
    as_xlsx("orders.xlsx", [[20260105123, "", "sale", "CNY", 12.5, "success", "2026-01-05T10:00:00Z", ""]])
    loaded("orders", "orders.xlsx")
    assert rows(duckdb_settings, "select order_no, amount from raw.orders") == [("20260105123", Decimal("12.5000"))]


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (
            1e17,
            "'1e+17' is a number of more than 15 digits, which a spreadsheet cannot hold. Format the column as text.",
        ),
        (1.005, "'1.005' has more than two decimals for CNY. Round it where it comes from; nothing is rounded here."),
    ],
)
def test_numbers_that_a_spreadsheet_cannot_hold(duckdb_settings: Settings, number: float, told: str) -> None:
    as_xlsx("orders.xlsx", [["A1", "", "sale", "CNY", number, "success", "2026-01-05T10:00:00Z", ""]])
    assert refused("orders", "orders.xlsx").splitlines()[0] == f'orders.xlsx:2: column "amount": {told}'
    assert counts(duckdb_settings) == (0, 0, 0)


def test_dates_and_blank_rows_of_a_spreadsheet(duckdb_settings: Settings) -> None:
    with xlsxwriter.Workbook("orders.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, COLUMNS)
        sheet.write_row(2, 0, ["A1", 1, "sale", "CNY", "5.00", "success"])
        sheet.write_datetime(2, 6, datetime(2026, 1, 5, 10, 30), book.add_format({"num_format": "yyyy-mm-dd hh:mm"}))
    assert "1 rows read = 1 loaded + 0 rejected + 0 repeated (1 blank lines)" in loaded("orders", "orders.xlsx")
    assert rows(duckdb_settings, "select ordered_at, _line_no from raw.orders") == [(datetime(2026, 1, 5, 2, 30), 3)]


def test_typed_columns_of_parquet(any_settings: Settings) -> None:
    as_parquet(
        "orders.parquet",
        version=pa.array([1, 2, None], pa.int32()),
        amount=pa.array([Decimal("10.1000"), Decimal("123456789012345.6780"), Decimal("7.0000")], pa.decimal128(20, 4)),
        ordered_at=pa.array([datetime(2026, 1, 5, 2, 0, tzinfo=UTC)] * 3, pa.timestamp("us", "UTC")),
        attributes=pa.array([None, {"principal": "5.00"}, None]),
    )
    loaded("orders", "orders.parquet")
    found = rows(any_settings, "select version, amount, ordered_at, attributes from raw.orders order by _line_no")
    assert [row[0] for row in found] == [1, 2, 1]
    assert [row[1] for row in found] == [row[4] for row in EXPECTED]
    assert {row[2] for row in found} == {datetime(2026, 1, 5, 2, 0)}
    assert json.loads(found[1][3]) == {"principal": "5.00"}


def test_a_parquet_time_without_zone_is_in_the_business_zone(duckdb_settings: Settings) -> None:
    as_parquet("orders.parquet", ordered_at=pa.array([datetime(2026, 1, 5, 10, 0)] * 3, pa.timestamp("us")))
    loaded("orders", "orders.parquet")
    assert rows(duckdb_settings, "select distinct ordered_at from raw.orders") == [(datetime(2026, 1, 5, 2, 0),)]


@pytest.mark.parametrize(
    ("column", "values", "told"),
    [
        (
            "amount",
            pa.array([1.5, 2.5, 3.0]),
            'column "amount" is DOUBLE: binary floating point cannot hold money. Nothing was loaded. '
            "Write it as decimal(20, 4) or as text.",
        ),
        (
            "order_no",
            pa.array([1.0, 2.0, 3.0]),
            'column "order_no" is DOUBLE and should be text. Nothing was loaded. Write it as text.',
        ),
        (
            "version",
            pa.array([1.0, 2.0, 3.0]),
            'column "version" is DOUBLE and should be a whole number. Nothing was loaded. Write it so.',
        ),
    ],
)
def test_floating_point_in_parquet_is_refused(
    duckdb_settings: Settings, column: str, values: pa.Array, told: str
) -> None:
    as_parquet("orders.parquet", **{column: values})
    assert refused("orders", "orders.parquet") == f"orders.parquet: {told}"


def test_bad_values_of_parquet_name_the_row(any_settings: Settings) -> None:
    amounts = pa.array([Decimal("1.0000"), Decimal("1.0005"), Decimal("1.5000")], pa.decimal128(20, 4))
    as_parquet("orders.parquet", amount=amounts, currency=pa.array(["CNY", "CNY", "JPY"]))
    told = refused("orders", "orders.parquet").splitlines()
    assert told[:2] == [
        "orders.parquet:2: column \"amount\": '1.0005' has more than two decimals for CNY. Round it where it comes "
        "from; nothing is rounded here.",
        "orders.parquet:3: column \"amount\": '1.5000' has decimals for JPY. Round it where it comes from; nothing is "
        "rounded here.",
    ]
    loaded("orders", "orders.parquet", "--reject-bad")
    assert json.loads(rows(any_settings, "select raw_text from raw.rejected_rows order by line_no")[0][0])[
        "amount"
    ] == ("1.0005")


def test_a_parquet_file_cut_short(duckdb_settings: Settings) -> None:
    as_parquet("orders.parquet")
    Path("orders.parquet").write_bytes(Path("orders.parquet").read_bytes()[:-20])
    assert "orders.parquet: is no Parquet file, or is cut short (" in refused("orders", "orders.parquet")


def test_ndjson_numbers_keep_their_digits(duckdb_settings: Settings) -> None:
    line = (
        '{"order_no": "A1", "order_type": "sale", "currency": "KWD", "amount": 123456789012345.678, '
        '"status": "success", "ordered_at": "2026-01-05T10:00:00Z", "attributes": {"rate": 0.10, "n": [1, null]}}'
    )
    write("orders.ndjson", line)
    loaded("orders", "orders.ndjson")
    assert rows(duckdb_settings, "select amount, attributes from raw.orders") == [
        (Decimal("123456789012345.6780"), '{"rate": 0.10, "n": [1, null]}')
    ]


def test_bad_lines_of_ndjson(any_settings: Settings) -> None:
    good = {"order_no": "A1", "order_type": "sale", "currency": "CNY", "amount": "1", "status": "success",
            "ordered_at": "2026-01-05T10:00:00Z"}  # fmt: skip
    write(
        "orders.ndjson",
        json.dumps(good),
        '{"order_no": ',
        json.dumps({**good, "colour": "red"}),
        json.dumps(good).replace('"1"', "1.2E+17"),
        '{"order_no": "A1", "order_no": "A2"}',
        json.dumps({**good, "order_no": "A6", "status": None}),
    )
    told = refused("orders", "orders.ndjson").splitlines()
    assert told[0].startswith("orders.ndjson:2: the line is no JSON object (")
    assert told[1] == (
        'orders.ndjson:3: column "colour": the column is not known. Remove it, or use a template that ignores it.'
    )
    assert told[2] == "orders.ndjson:4: column \"amount\": '1.2E+17' is in exponent notation. Write all its digits."
    assert told[3] == "orders.ndjson:5: the line is no JSON object (a name comes twice). Mend it."
    assert told[4] == 'orders.ndjson:6: column "status": is empty. Every row needs it.'
    assert "6 rows read = 1 loaded + 5 rejected" in loaded("orders", "orders.ndjson", "--reject-bad")


def test_a_column_that_no_line_of_ndjson_has(duckdb_settings: Settings) -> None:
    write("orders.ndjson", '{"order_no": "A1", "order_type": "sale", "currency": "CNY", "ordered_at": "2026"}')
    assert refused("orders", "orders.ndjson").splitlines()[0] == (
        'orders.ndjson:1: column "status" is missing. Rename or add it.'
    )


def test_columns_go_by_name_and_a_byte_order_mark_is_no_name(any_settings: Settings) -> None:
    turned = [list(reversed(row)) for row in TABLE]
    Path("orders.csv").write_text("\ufeff" + as_csv(turned, list(reversed(COLUMNS))))
    loaded("orders", "orders.csv")
    found = rows(any_settings, f"select {', '.join(COLUMNS)}, _line_no from raw.orders order by _line_no")
    assert found == EXPECTED


def test_lines_of_nothing_but_commas_are_blank(any_settings: Settings) -> None:
    write("orders.csv", ORDER_HEADER, ",,,,,", GOOD_ORDER, "", " , ,,,,", ",,", newline="\r\n")
    assert "1 rows read = 1 loaded + 0 rejected + 0 repeated (4 blank lines)" in loaded("orders", "orders.csv")
    assert rows(any_settings, "select _line_no from raw.orders") == [(3,)]
