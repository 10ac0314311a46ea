"""What came before: the same file, repeats, modified rows, closed batches, and the date a file goes to."""

from __future__ import annotations

import json
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from settle.load.batches import choose_batch_date
from settle.settings import Settings
from settle.times import business_today
from settle.warehouse import open_warehouse
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


def close_batch(settings: Settings, batch_id: int) -> None:
    """As if a build had taken the batch."""
    rows(settings, "update raw.batches set closed_at = opened_at where batch_id = ?", (batch_id,))


def test_the_same_bytes_under_any_name_change_nothing(any_settings: Settings) -> None:
    write("orders.csv", ORDER_HEADER, GOOD_ORDER)
    loaded("orders", "orders.csv", "--batch-date", "2026-01-05")
    shutil.copy("orders.csv", "renamed.csv")
    for name in ("orders.csv", "renamed.csv"):
        assert loaded("orders", name, "--batch-date", "2026-01-06") == (
            f"{name}: is already loaded: the same bytes are file 1, orders.csv, in batch 1. Nothing was changed.\n"
        )
    assert counts(any_settings) == (1, 0, 1)
    assert rows(any_settings, "select count(*) from raw.batches") == [(1,)]


def test_a_row_repeated_in_the_file_or_later_is_ignored_and_counted(any_settings: Settings) -> None:
    write("one.csv", ORDER_HEADER, GOOD_ORDER, GOOD_ORDER, GOOD_ORDER.replace("10.00", "10.0000"))
    assert "3 rows read = 1 loaded + 0 rejected + 2 repeated" in loaded("orders", "one.csv")
    write("two.csv", ORDER_HEADER, GOOD_ORDER.replace("T10:00:00+08:00", "T02:00:00Z"), GOOD_ORDER.replace("A1", "A2"))
    assert "2 rows read = 1 loaded + 0 rejected + 1 repeated" in loaded("orders", "two.csv")
    assert rows(any_settings, "select order_no, _file_id, _line_no from raw.orders order by 1") == [
        ("A1", 1, 2),
        ("A2", 2, 3),
    ]


def test_the_same_key_with_other_content_goes_to_the_rejects(any_settings: Settings) -> None:
    write("one.csv", ORDER_HEADER, GOOD_ORDER)
    write("two.csv", ORDER_HEADER, GOOD_ORDER.replace("10.00", "12.00"), GOOD_ORDER.replace("A1", "A2"))
    loaded("orders", "one.csv")
    result = load("orders", "two.csv")
    assert result.exit_code == 0
    reason = (
        "order_no/version A1 1 was loaded before (one.csv:2) with other content: column \"amount\": was '10.0000', "
        "is '12.0000'. To correct the order, send it again with a higher version."
    )
    assert said(result) == f"two.csv:2: {reason} The row is in the rejects; the rest is loaded."
    assert "2 rows read = 1 loaded + 1 rejected + 0 repeated" in result.stdout
    assert rows(any_settings, "select file_id, line_no, column_name, column_value, reason_code, reason, raw_text "
                              "from raw.rejected_rows") == [
        (2, 2, "amount", "12.0000", "modified", reason, GOOD_ORDER.replace("10.00", "12.00"))
    ]  # fmt: skip
    assert rows(any_settings, "select amount from raw.orders where order_no = 'A1'")[0][0] == 10


def test_a_modified_row_within_one_file_and_an_empty_value_that_is_filled(any_settings: Settings) -> None:
    head = f"{PAYMENT_HEADER},pay_method"
    write("pay.csv", head, f"{GOOD_PAYMENT},", f"{GOOD_PAYMENT},card", f"{GOOD_PAYMENT},")
    result = load("payments", "pay.csv")
    assert "3 rows read = 1 loaded + 1 rejected + 1 repeated" in result.stdout
    assert said(result) == (
        'pay.csv:3: channel_code/channel_txn_no WECHAT T1 was loaded before (this file:2) with other content: '
        "column \"pay_method\": was None, is 'card'. The line loaded first stands. Ask the channel which one is right. "
        "The row is in the rejects; the rest is loaded."
    )  # fmt: skip


def test_rows_that_only_look_alike_are_kept(any_settings: Settings) -> None:
    write("pay.csv", PAYMENT_HEADER, GOOD_PAYMENT, GOOD_PAYMENT.replace("T1", "T2"))
    assert "2 rows read = 2 loaded" in loaded("payments", "pay.csv")


def test_a_higher_version_is_a_row_of_its_own(any_settings: Settings) -> None:
    head = ORDER_HEADER.replace("order_no", "order_no,version")
    write(
        "one.csv", head, "A1,,sale,CNY,1,success,2026-01-05T10:00:00Z", "A1,2,sale,CNY,2,success,2026-01-05T10:00:00Z"
    )
    loaded("orders", "one.csv")
    assert rows(any_settings, "select version from raw.orders order by 1") == [(1,), (2,)]


def test_lines_of_an_order_in_a_closed_batch_are_rejected(any_settings: Settings) -> None:
    write("orders.csv", ORDER_HEADER, GOOD_ORDER, GOOD_ORDER.replace("A1", "A2"))
    loaded("orders", "orders.csv", "--batch-date", "2026-01-05")
    close_batch(any_settings, 1)
    write("lines.csv", "order_no,line_no,amount", "A1,1,10.00", "A9,1,4.00")
    result = load("order_lines", "lines.csv")
    assert "2 rows read = 1 loaded + 1 rejected" in result.stdout
    assert said(result) == (
        "lines.csv:2: order A1 is in a batch that is closed. Send the order and its lines again with a higher version."
    )
    assert rows(any_settings, "select order_no, _batch_id from raw.order_lines") == [("A9", 2)]
    assert rows(any_settings, "select reason_code, raw_text from raw.rejected_rows") == [("order_closed", "A1,1,10.00")]


def test_a_date_up_to_the_last_built_batch_is_refused(any_settings: Settings) -> None:
    write("one.csv", ORDER_HEADER, GOOD_ORDER)
    write("two.csv", ORDER_HEADER, GOOD_ORDER.replace("A1", "A2"))
    loaded("orders", "one.csv", "--batch-date", "2026-01-05")
    close_batch(any_settings, 1)
    for day in ("2026-01-05", "2026-01-04"):
        assert refused("orders", "two.csv", "--batch-date", day) == (
            f"--batch-date {day}: the last batch that was built is 2026-01-05 (batch 1); it is closed for good. "
            "Nothing was loaded. Load into a later date, such as 2026-01-06."
        )
    assert counts(any_settings) == (1, 0, 1)
    assert refused("orders", "two.csv", "--batch-date", "5.1.2026") == (
        "--batch-date: '5.1.2026' is no date. Write it as 2026-01-05."
    )


def test_a_built_batch_counts_as_closed_even_if_its_mark_is_missing(any_settings: Settings) -> None:
    write("one.csv", ORDER_HEADER, GOOD_ORDER)
    loaded("orders", "one.csv", "--batch-date", "2026-01-05")
    rows(any_settings, "insert into meta.model_batches values ('a_model', 1, 'run')")
    assert "is closed for good" in refused("orders", "one.csv", "--batch-date", "2026-01-05")


def test_a_date_between_two_open_batches_moves_the_later_one_up(any_settings: Settings) -> None:
    for number, day in enumerate(("2026-01-05", "2026-01-08", "2026-01-06"), 1):
        write(f"{number}.csv", ORDER_HEADER, GOOD_ORDER.replace("A1", f"A{number}"))
        loaded("orders", f"{number}.csv", "--batch-date", day)
    assert rows(any_settings, "select batch_id, batch_date from raw.batches order by 1") == [
        (1, date(2026, 1, 5)),
        (2, date(2026, 1, 6)),
        (3, date(2026, 1, 8)),
    ]
    assert rows(any_settings, "select order_no, _batch_id from raw.orders order by 1") == [
        ("A1", 1),
        ("A2", 3),
        ("A3", 2),
    ]
    assert rows(any_settings, "select file_id, batch_id from raw.load_files order by 1") == [(1, 1), (2, 3), (3, 2)]


def test_the_date_a_file_goes_to_when_none_is_given(any_settings: Settings) -> None:
    today = business_today(any_settings)
    with open_warehouse(any_settings) as warehouse:
        warehouse.ensure_raw_tables()

        def chosen() -> date:
            return choose_batch_date(any_settings, warehouse, None)

        def batch(number: int, day: date, closed: bool) -> None:
            at = "now()" if closed else "null"
            warehouse.execute(f"insert into raw.batches values (?, ?, now(), {at})", (number, day))

        assert chosen() == today
        batch(1, today - timedelta(days=9), closed=True)
        assert chosen() == today
        batch(2, today - timedelta(days=5), closed=False)
        assert chosen() == today - timedelta(days=5)
        warehouse.execute("update raw.batches set closed_at = opened_at")
        batch(3, today + timedelta(days=3), closed=True)
        assert chosen() == today + timedelta(days=4)


def test_each_file_stands_alone_and_the_refusals_come_at_the_end(any_settings: Settings) -> None:
    write("bad.csv", ORDER_HEADER, GOOD_ORDER.replace("10.00", "x"))
    write("good.csv", ORDER_HEADER, GOOD_ORDER)
    result = load("orders", "bad.csv", "good.csv")
    assert result.exit_code == 2
    assert "good.csv: 1 rows read = 1 loaded" in result.stdout
    assert said(result).startswith("bad.csv:2: column \"amount\": 'x' is no amount.")


def test_the_report_for_programs(duckdb_settings: Settings) -> None:
    write("orders.csv", ORDER_HEADER, GOOD_ORDER)
    report = json.loads(loaded("orders", "orders.csv", "--json", "--batch-date", "2026-01-05"))[0]
    assert (report["status"], report["rows_loaded"], report["batch_date"]) == ("loaded", 1, "2026-01-05")


def test_the_inbox_takes_files_by_their_names(any_settings: Settings) -> None:
    Path("in").mkdir()
    write("in/payments_0105.csv", PAYMENT_HEADER, GOOD_PAYMENT)
    write("in/orders_0105.csv", ORDER_HEADER, GOOD_ORDER)
    write("in/.hidden", "x")
    first = loaded("inbox", "in", "--batch-date", "2026-01-05").splitlines()
    assert [line.split(":")[0] for line in first] == ["in/orders_0105.csv", "in/payments_0105.csv"]
    assert all("is already loaded" in line for line in loaded("inbox", "in").splitlines())
    write("in/notes.csv", "x")
    assert refused("inbox", "in") == (
        "in/notes.csv: no template takes a file of this name. Rename it, or load it by settle load DATASET.\n"
        "Nothing was loaded."
    )
    assert refused("inbox", "gone") == "gone: there is no such folder. Name the folder that holds the files."


def test_an_error_in_the_middle_leaves_nothing(any_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    write("orders.csv", ORDER_HEADER, GOOD_ORDER, GOOD_ORDER)

    def broken(*args: object) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr("settle.load.loader.record_file", broken)
    assert load("orders", "orders.csv").exit_code == 1
    assert counts(any_settings) == (0, 0, 0)
    assert rows(any_settings, "select count(*) from raw.batches") == [(0,)]
    monkeypatch.undo()
