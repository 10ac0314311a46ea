"""The report's page from facts made by hand: exact amounts, every section, nothing from outside, and how it looks."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from datetime import date
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from settle.report.charts import can_draw
from settle.report.facts import Facts, Flow
from settle.report.page import NO_CHARTS, grouped, html_of
from tests.conftest import BROWSER

NASTY = '<script>alert("x")</script>'
LONG = "K" * 70
EXPONENTS = {"CNY": 2, "JPY": 0, "KWD": 3}
SECTIONS = ("money", "breaks", "blocked", "totals", "always", "files", "quality")


def item(place: int, **changes: Any) -> dict[str, Any]:
    return {
        "relation": "orders_channel",
        "item_key": f"C|{place}{LONG}",
        "channel_code": "ALIPAY",
        "order_no": f"O-{place}{LONG}",
        "pool": "error",
        "result": "amount_mismatch",
        "currency": "CNY",
        "difference_minor": -123456789,
        "differences": "",
        "is_regressed": False,
        "age_days": 40,
        "age_bucket": "31+",
        "owner": "operations",
        "next_action": NASTY,
        **changes,
    }


def finding(**changes: Any) -> dict[str, Any]:
    return {
        "batch_id": 7,
        "batch_date": date(2026, 1, 13),
        "expectation_id": "bills_of_the_usual_size",
        "table_name": "t.b",
        "held": False,
        "failing_rows": 3,
        "checked_rows": 1200,
        "sample_keys": f"bill_no {LONG}; bill_no {NASTY}",
        "owner": "finance",
        "meaning": "No bill is too large.",
        "what_to_do": "Look at it.",
        "severity": "warning",
        "warn_until": date(2027, 1, 1),
        "stops": False,
        "accepted_by": None,
        "accepted_reason": None,
        **changes,
    }


TOTAL: dict[str, Any] = {
    "relation": "orders_channel",
    "channel_code": "ALIPAY",
    "currency": "CNY",
    "left_count": 9,
    "left_minor": 1234567,
    "right_count": 8,
    "right_minor": 1234500,
    "matched_count": 7,
    "buffer_opening_count": 1,
    "buffer_in_count": 2,
    "buffer_out_count": 3,
    "buffer_closing_count": 0,
    "error_opening_count": 4,
    "error_in_count": 5,
    "error_resolved_count": 6,
    "error_closing_count": 3,
    "unexplained_minor": 0,
}
CONTROL: dict[str, Any] = {
    "agreement": "accounts_money",
    "control": "orders_to_statement",
    "relation": "orders_channel",
    "scope": "ALIPAY",
    "currency": "CNY",
    "left_minor": 1,
    "right_minor": 2,
    "difference_minor": 1,
    "explained_minor": 1,
    "held": True,
    "what_to_do": "Work on the open items.",
}
FACTS = Facts(
    batch_id=7,
    batch_date=date(2026, 1, 13),
    last_batch_id=8,
    exponents=EXPONENTS,
    flow=[
        Flow("orders_in", "CNY", 10, 123456789012345),
        Flow("cleared", "CNY", 9, 99),
        Flow("orders_in", "JPY", 1, 5000),
        Flow("orders_in", "KWD", 1, -1234567),
        Flow("orders_in", "XXX", 1, 0, "54.5"),
        Flow("paid", "CNY", 2, 100),
    ],
    exceptions=[{"reason_code": "no_contract", "order_count": 2}],
    open_items=[*(item(place) for place in range(21)), item(99, pool="buffer", result="platform_only", age_bucket="0")],
    at_risk=[{"currency": "CNY", "open_count": 22, "at_risk_minor": 987654321}],
    totals=[TOTAL],
    history=[{"batch_id": n, "batch_date": date(2026, 1, n + 6), "buffer": n, "error": 2 * n} for n in range(1, 8)],
    blocked=[{"condition": "risk_hold", "currency": "CNY", "count": 3, "minor": 4500}],
    invariants=[{"invariant": "pools_roll_forward", "held": True, "failing_rows": 0, "difference_minor": 0}],
    controls=[CONTROL],
    loaded=[
        {
            "file_name": f"{LONG}.csv",
            "dataset": "orders",
            "template": "canonical",
            "rows_read": 1234,
            "rows_loaded": 1233,
            "rows_rejected": 1,
            "rows_repeated": 0,
        }
    ],
    expected=[
        {
            "batch_date": date(2026, 1, 12),
            "dataset": "payments",
            "name_pattern": "b*.csv",
            "due_date": date(2026, 1, 12),
            "came_date": None,
            "is_missing": True,
            "days_late": 1,
        }
    ],
    findings=[finding(), finding(expectation_id="files_hold_rows", held=True, failing_rows=0)],
    stops=[],
)


class Seen(HTMLParser):
    """Checks that tags close in order, and collects what stands in the page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "path", "line", "rect"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"{tag} closes out of order"

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def page() -> str:
    assert can_draw(), "the charting library is part of the tested set"
    return html_of(FACTS, "quality/batch-7/index.html")


def test_the_page_has_every_section_and_each_table_its_heads(page: str) -> None:
    seen = Seen(page)
    assert [attrs["id"] for tag, attrs in seen.tags if tag == "section"] == list(SECTIONS)
    for tag, attrs in seen.tags:
        if tag == "th":
            assert attrs.get("scope") == "col"
        if tag == "td":
            assert attrs.get("data-label")
        if tag == "figure":
            assert attrs.get("role") == "img" and attrs.get("aria-label")
    tables = [tag for tag, _ in seen.tags].count("table")
    assert tables == page.count("<caption>") >= 11
    assert [attrs["href"] for tag, attrs in seen.tags if tag == "a"] == ["quality/batch-7/index.html"]
    assert page.count("<svg") == 2 * 5, "three known currencies, classes and history, each for desktop and phone"


def test_the_page_fetches_nothing_and_runs_nothing(page: str) -> None:
    assert not re.search(r"https?:|//[a-z]|<script|<link|<iframe|<img|@import|url\(|\son\w+=", page)


def test_what_comes_from_data_is_text(page: str) -> None:
    assert NASTY not in page and "&lt;script&gt;alert" in page
    assert "".join(Seen(page).text).count(NASTY) >= 20 + 1


def test_amounts_are_exact_and_have_the_decimals_of_their_currency(page: str) -> None:
    for amount in ("1,234,567,890,123.45", "5,000", "-1,234.567", "54.5", "-1,234,567.89 CNY", "9,876,543.21"):
        assert f">{amount}</td>" in page, amount
    assert grouped(9007199254740993, "CNY", EXPONENTS) == "90,071,992,547,409.93"
    assert [grouped(-5, code, EXPONENTS) for code in ("CNY", "JPY", "KWD", "XXX")] == [
        "-0.05",
        "-5",
        "-0.005",
        "-5 minor",
    ]


def test_the_twenty_most_urgent_items_are_shown_and_the_rest_counted(page: str) -> None:
    assert page.count('data-label="next action"') == 20
    assert "2 more in reconciliation.fct_open_items." in page
    assert "1 + 2 − 3 = 0" in page and "4 + 5 − 6 = 3" in page


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({}, "Nothing stops publication; somebody has to look at the error pool", ""),
        ({"open_items": []}, "Nothing stops publication<", ""),
        ({"findings": []}, "what finance expects has not been checked", ""),
        ({"stops": [finding(stops=True)]}, "Stop: nothing may be paid or published", "Batch 7: No bill is too large"),
        ({"controls": [{**CONTROL, "held": False}]}, "Stop: nothing may be paid", "Broken: orders_to_statement."),
    ],
)
def test_the_verdict_stands_first(changes: dict[str, Any], verdict: str, reason: str) -> None:
    told = html_of(replace(FACTS, **changes), draw=False)
    head = told[told.index("<header>") : told.index("</header>")]
    assert verdict in head and reason in head
    assert ('class="verdict bad"' in head) == verdict.startswith("Stop")
    assert NO_CHARTS.replace("'", "&#39;") in told and "<svg" not in told


def test_a_batch_of_nothing_has_a_page() -> None:
    names = (
        "flow",
        "exceptions",
        "open_items",
        "at_risk",
        "totals",
        "history",
        "blocked",
        "invariants",
        "controls",
        "loaded",
    )
    nothing: dict[str, Any] = {name: [] for name in (*names, "expected", "findings")}
    empty = replace(FACTS, **nothing)
    assert "nothing came in." in html_of(empty) and "<svg" not in html_of(empty)


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_its_window(page: str, width: int, tmp_path: Path) -> None:
    """Drawn by Chromium: a picture with something on it, and nothing wider than the window."""
    file, picture = tmp_path / "page.html", tmp_path / "page.png"
    # In a frame: a window of Chromium is never as narrow as a phone. The title says the frame's width.
    frame = f'<iframe style="width:{width}px;height:2000px;border:0" srcdoc="{escape(page)}"></iframe>'
    asked = (
        "const page = frames[0].document.documentElement; document.title = `${page.scrollWidth} ${page.clientWidth}`"
    )
    file.write_text(f"<!DOCTYPE html>{frame}<script>onload = () => {{ {asked} }}</script>", encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={tmp_path}"]
    words = [str(BROWSER), *options, "--window-size=1300,2000", f"--screenshot={picture}", "--dump-dom", file.as_uri()]
    drawn = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
    title = re.search(r"<title>(\d+) (\d+)</title>", drawn.stdout)
    assert title is not None
    assert int(title.group(1)) <= int(title.group(2)) == width
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and picture.stat().st_size > 20_000
