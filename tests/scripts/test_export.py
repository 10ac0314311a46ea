"""Excel files as `settle export` writes them, read back by another library."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from settle.errors import InputError
from settle.export.layouts import LANGUAGES, ColumnLayout, Layout, layout_named, layouts
from settle.export.workbook import MAX_TEXT, NUMBER_LIMIT, Workbook
from settle.money import amount_text
from settle.settings import Settings

EXPONENTS = {"CNY": 2, "JPY": 0, "KWD": 3}
SHANGHAI = ZoneInfo("Asia/Shanghai")
SHEET = Layout(
    name="things", direction="", titles={"en": "Things", "zh": "东西"}, table="s.things", order=("name",),
    columns=(
        ColumnLayout("name", {"en": "Name", "zh": "名称"}),
        ColumnLayout("amount", {"en": "Amount", "zh": "金额"}, "amount", True),
        ColumnLayout("count", {"en": "Count", "zh": "笔数"}, "count"),
        ColumnLayout("day", {"en": "Day", "zh": "日期"}, "date"),
        ColumnLayout("at", {"en": "At", "zh": "时间"}, "time"),
        ColumnLayout("open", {"en": "Open", "zh": "未平"}, "flag"),
    ),
    by_batch=True, leaves=False, only=(),
)  # fmt: skip


def written(
    path: Path, rows: Sequence[Sequence[Any]], totals: Sequence[Sequence[Any]] = (), **options: Any
) -> dict[str, list[list[Any]]]:
    """The rows of every sheet of a workbook with these rows, as the other library reads them."""
    language = options.pop("language", "en")
    assert Workbook(path, SHEET, language, EXPONENTS, SHANGHAI, **options).write(rows, totals, "2026-01-05") == len(
        rows
    )
    book = CalamineWorkbook.from_path(str(path))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


def test_what_is_written_reads_back_as_it_was(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 5, 16, 30, 15)
    sheets = written(
        tmp_path / "a.xlsx",
        [
            ("=1+1", 12345, 3, date(2026, 1, 5), moment, True, "CNY"),
            ("名称", -5, None, None, None, False, "JPY"),
            ("@x", 1234567, 10**12, None, None, None, "KWD"),
            ("\tx", NUMBER_LIMIT * 10 + 1, 1, None, None, None, "CNY"),
            ("Q", 7, 1, None, None, None, "XXX"),
        ],
        [("CNY", NUMBER_LIMIT * 10 + 12346), ("JPY", -5)],
    )
    assert sheets["Things"] == [
        ["Name", "Amount", "Count", "Day", "At", "Open"],
        ["=1+1", 123.45, 3.0, date(2026, 1, 5), datetime(2026, 1, 6, 0, 30, 15), "yes"],
        ["名称", -5.0, "", "", "", "no"],
        ["@x", 1234.567, 1e12, "", "", ""],
        ["\tx", "100000000000000.01", 1.0, "", "", ""],
        ["Q", "7 minor XXX", 1.0, "", "", ""],
        ["Total CNY", "100000000000123.46", "", "", "", ""],
        ["Total JPY", -5.0, "", "", "", ""],
    ]
    assert sheets["About"][:3] == [["What", "Things"], ["Batch", "2026-01-05"], ["Rows", "5"]]


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(-(10**18), 10**18), st.sampled_from(sorted(EXPONENTS))), min_size=1, max_size=60))
@example([(NUMBER_LIMIT - 1, "CNY"), (1 - NUMBER_LIMIT, "KWD"), (NUMBER_LIMIT, "JPY"), (NUMBER_LIMIT - 1, "JPY")])
def test_every_amount_reads_back_to_the_unit(tmp_path: Path, amounts: list[tuple[int, str]]) -> None:
    rows = [("x", minor, None, None, None, None, currency) for minor, currency in amounts]
    found = [row[1] for row in written(tmp_path / "a.xlsx", rows)["Things"][1:]]
    for (minor, currency), cell in zip(amounts, found, strict=True):
        places = EXPONENTS[currency]
        if abs(minor) < NUMBER_LIMIT:
            assert isinstance(cell, float)
            # What Excel shows: the number to its currency's decimals.
            assert int(Decimal(cell).scaleb(places).to_integral_value()) == minor
        else:
            assert cell == amount_text(minor, places)


def test_texts_stay_texts_and_what_is_too_long_says_so(tmp_path: Path) -> None:
    texts = ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "https://x.example", "007", "a\nb", "x" * (MAX_TEXT + 1)]
    rows = [(text, None, None, None, None, None, None) for text in texts]
    found = [row[0] for row in written(tmp_path / "a.xlsx", rows)["Things"][1:]]
    assert found[:-1] == texts[:-1]
    assert len(found[-1]) == MAX_TEXT and found[-1].endswith(f"… (cut; {MAX_TEXT + 1} characters)")


def test_more_rows_than_a_sheet_holds_go_on_in_the_next(tmp_path: Path) -> None:
    rows = [(f"N{number}", 1, None, None, None, None, "CNY") for number in range(7)]
    sheets = written(tmp_path / "a.xlsx", rows, [("CNY", 7)], rows_per_sheet=4, language="zh")
    assert list(sheets) == ["东西", "东西 2", "东西 3", "说明"]
    assert [row[0] for name in ("东西", "东西 2", "东西 3") for row in sheets[name]] == [
        "名称", "N0", "N1", "N2", "名称", "N3", "N4", "N5", "名称", "N6", "合计 CNY",
    ]  # fmt: skip
    full = written(tmp_path / "b.xlsx", rows[:3], [("CNY", 3)], rows_per_sheet=4)
    assert [len(rows) for rows in full.values()] == [4, 2, 4]


def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    written(path, [("first", None, None, None, None, None, None)])
    before = path.read_bytes()

    def broken() -> Any:
        yield ("second", None, None, None, None, None, None)
        raise RuntimeError("the warehouse went away")

    with pytest.raises(RuntimeError):
        Workbook(path, SHEET, "en", EXPONENTS, SHANGHAI).write(broken(), [], "")
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.xlsx"]


def test_every_shipped_layout_can_be_named_and_has_titles_in_both_languages() -> None:
    here = Settings.from_environment()
    leaving = {(layout.name, layout.direction) for layout in layouts(here) if layout.leaves}
    assert ("bills", "") in leaving and {direction for _, direction in leaving} == {"", "out"} and len(leaving) == 6
    for layout in layouts(here):
        assert layout.by_batch or layout.audited or not layout.leaves, "QUAL-STOP is of a batch"
        assert layout_named(here, layout.name, layout.direction or None) == layout
        for language in LANGUAGES:
            titles = [column.titles[language] for column in layout.columns]
            assert len(set(titles)) == len(titles) and len(layout.titles[language]) < 28
        names = {column.name for column in layout.columns}
        file = next((here.project_dir / "models" / "marts").rglob(f"{layout.table.split('.')[1]}.yml"))
        (model,) = yaml.safe_load(file.read_text(encoding="utf-8"))["models"]
        kept = {column["name"] for column in model["columns"]}
        wanted = {*names, *(term.split()[0] for term in layout.order), *(name for name, _ in layout.only)}
        assert wanted <= kept, f"{file.name} lacks {wanted - kept}"
        assert not (layout.by_batch or layout.leaves) or "batch_date" in kept
        assert not layout.audited or "file_no" in kept
        assert "currency" in names or not any(column.kind == "amount" for column in layout.columns)


@pytest.mark.parametrize(
    ("kind", "direction", "message"),
    [
        (
            "bill",
            None,
            "bill: is nothing that can be exported. Use one of bills, breaks, journal, payouts, subscription",
        ),
        ("bills", "in", "--direction in: bills has no direction."),
        ("redemption", None, "--direction is missing: redemption goes out to an SPV or comes in from it."),
        ("redemption", "up", "--direction up: is no direction. Use in or out."),
    ],
)
def test_what_cannot_be_exported_is_refused(kind: str, direction: str | None, message: str) -> None:
    with pytest.raises(InputError) as caught:
        layout_named(Settings.from_environment(), kind, direction)
    assert str(caught.value).startswith(message)


def test_times_of_the_warehouse_are_shown_in_the_business_time_zone(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 5, 23, 0, tzinfo=UTC).replace(tzinfo=None)
    assert written(tmp_path / "a.xlsx", [("x", None, None, None, moment, None, None)])["Things"][1][4] == datetime(
        2026, 1, 6, 7, 0
    )
