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

LATE_LINE = "order A1 came in an earlier batch (2026-01-05). Send the order and its lines again with a higher version."
DAYS = ("2026-01-05", "2026-01-06", "2026-01-07")
KEPT = (
    "select order_no, version, line_no, _batch_id from raw.order_lines order by 1, 2, 3",
    "select f.file_name, r.batch_id, r.line_no, r.reason_code, r.reason from raw.rejected_rows as r "
    "inner join raw.load_files as f on f.file_id = r.file_id order by 1, 2, 3",
    "select file_name, batch_id, rows_read, rows_loaded, rows_rejected, rows_repeated from raw.load_files order by 1",
)


def close_batch(settings: Settings, batch_id: int) -> None:
    """As if a build had taken the batch."""
    rows(settings, "update raw.batches set closed_at = opened_at where batch_id = ?", (batch_id,))


def forget_everything(settings: Settings) -> None:
    """An empty warehouse again."""
    for table in ("batches", "load_files", "rejected_rows", "orders", "order_lines"):
        rows(settings, f"delete from raw.{table}")


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


@pytest.mark.parametrize("built", [True, False], ids=["built", "open"])
def test_lines_of_an_order_of_an_earlier_batch_are_rejected(any_settings: Settings, built: bool) -> None:
    write("orders.csv", ORDER_HEADER, GOOD_ORDER, GOOD_ORDER.replace("A1", "A2"))
    loaded("orders", "orders.csv", "--batch-date", "2026-01-05")
    if built:
        close_batch(any_settings, 1)
    write("lines.csv", "order_no,version,line_no,amount", "A1,1,1,10.00", "A9,1,1,4.00", "A1,2,1,9.00")
    result = load("order_lines", "lines.csv", "--batch-date", "2026-01-06")
    assert "3 rows read = 2 loaded + 1 rejected" in result.stdout
    assert said(result) == f"lines.csv:2: {LATE_LINE}"
    assert rows(any_settings, "select order_no, version, _batch_id from raw.order_lines order by 1") == [
        ("A1", 2, 2),
        ("A9", 1, 2),
    ]
    assert rows(any_settings, "select reason_code, reason, raw_text from raw.rejected_rows") == [
        ("order_closed", LATE_LINE, "A1,1,1,10.00")
    ]


def test_lines_may_come_before_their_order_or_with_it(any_settings: Settings) -> None:
    for number, day in enumerate(("2026-01-05", "2026-01-06"), 1):
        write(f"lines{number}.csv", "order_no,line_no,amount", f"A1,{number},5.00")
        loaded("order_lines", f"lines{number}.csv", "--batch-date", day)
    write("orders.csv", ORDER_HEADER, GOOD_ORDER)
    assert "1 rows read = 1 loaded" in loaded("orders", "orders.csv", "--batch-date", "2026-01-06")
    write("lines3.csv", "order_no,line_no,amount", "A1,3,5.00")
    loaded("order_lines", "lines3.csv", "--batch-date", "2026-01-06")
    found = rows(any_settings, "select line_no, _batch_id from raw.order_lines order by 1")
    assert found == [(1, 1), (2, 2), (3, 2)]
    assert rows(any_settings, "select count(*) from raw.rejected_rows") == [(0,)]


def test_lines_that_came_first_but_for_a_later_batch_go_to_the_rejects_when_their_order_comes(
    any_settings: Settings,
) -> None:
    write("lines.csv", "order_no,line_no,amount,attributes", "A9,1,4.00,", 'A1,1,10.00,"{""n"": 1}"', "A1,2,3.00,")
    write("other.csv", "order_no,line_no,amount", "A1,3,1.00")
    loaded("order_lines", "lines.csv", "--batch-date", "2026-01-06")
    loaded("order_lines", "other.csv", "--batch-date", "2026-01-07")
    write("orders.csv", ORDER_HEADER, GOOD_ORDER, GOOD_ORDER.replace("A1", "A2"))
    result = load("orders", "orders.csv", "--batch-date", "2026-01-05")
    assert result.exit_code == 0
    assert "2 rows read = 2 loaded + 0 rejected" in result.stdout
    assert said(result).splitlines() == [
        f"{place}: {LATE_LINE} The line was loaded before; it is in the rejects now."
        for place in ("lines.csv:3", "lines.csv:4", "other.csv:2")
    ]
    assert rows(any_settings, "select order_no, _batch_id from raw.order_lines") == [("A9", 2)]
    assert rows(any_settings, "select file_id, batch_id, dataset, line_no, column_name, column_value, reason_code, "
                              "reason, raw_text from raw.rejected_rows order by 1, 4") == [
        (file_id, batch_id, "order_lines", line, "order_no", "A1", "order_closed", LATE_LINE, text)
        for file_id, batch_id, line, text in (
            (1, 2, 3, '{"order_no": "A1", "version": "1", "line_no": "1", "amount": "10.0000", '
                      '"attributes": "{\\"n\\": 1}"}'),
            (1, 2, 4, '{"order_no": "A1", "version": "1", "line_no": "2", "amount": "3.0000"}'),
            (2, 3, 2, '{"order_no": "A1", "version": "1", "line_no": "3", "amount": "1.0000"}'),
        )
    ]  # fmt: skip
    assert rows(any_settings, "select rows_read, rows_loaded, rows_rejected from raw.load_files order by file_id") == [
        (3, 1, 2),
        (1, 0, 1),
        (2, 2, 0),
    ]


def test_a_line_loaded_before_is_a_repeat_also_when_its_order_is_of_an_earlier_batch(any_settings: Settings) -> None:
    write("orders.csv", ORDER_HEADER, GOOD_ORDER)
    write("lines.csv", "order_no,line_no,amount", "A1,1,10.00")
    loaded("orders", "orders.csv", "--batch-date", "2026-01-05")
    loaded("order_lines", "lines.csv", "--batch-date", "2026-01-05")
    write("again.csv", "order_no,line_no,amount", "A1,1,10.00", "A1,2,1.00", "A1,1,11.00")
    result = load("order_lines", "again.csv", "--batch-date", "2026-01-06")
    assert "3 rows read = 0 loaded + 2 rejected + 1 repeated" in result.stdout
    rejected = rows(any_settings, "select line_no, reason_code from raw.rejected_rows order by 1")
    assert rejected == [(3, "order_closed"), (4, "modified")]


def test_files_loaded_all_at_once_are_kept_as_if_each_day_had_been_built_first(
    any_settings: Settings,
) -> None:
    """What is in the raw tables decides every mart: whether the batch before was open or closed must not show there."""
    head, line = "order_no,version,line_no,amount", "A{},{},{},10.00"
    for number, day in enumerate(DAYS, 1):
        order = GOOD_ORDER.replace("A1", "A{}").replace("sale", "{},sale")
        orders = [order.format(number, 1), order.format(number, number)][: 2 if number > 1 else 1]
        write(f"orders_{day}.csv", ORDER_HEADER.replace("order_no", "order_no,version"), *orders)
        lines = [line.format(other, version, number) for other in (1, 2, 3) for version in (1, 2, 3)]
        write(f"order_lines_{day}.csv", head, *lines)
    kept = {}
    for way, days in (("at once", DAYS), ("by day", DAYS), ("last day first", DAYS[::-1])):
        forget_everything(any_settings)
        for day in days:
            for dataset in ("orders", "order_lines"):
                loaded(dataset, f"{dataset}_{day}.csv", "--batch-date", day)
            if way == "by day":
                close_batch(any_settings, DAYS.index(day) + 1)
        kept[way] = [rows(any_settings, sql) for sql in KEPT]
    assert kept["at once"] == kept["by day"]
    assert kept["last day first"] == kept["by day"]
    loaded_lines, rejects = kept["by day"][:2]
    assert (len(loaded_lines), len(rejects)) == (23, 4)


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
