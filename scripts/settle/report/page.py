"""Puts the facts into sections and tables, and renders the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

import jinja2

from settle.report.charts import Chart, break_chart, can_draw, flow_chart, history_chart
from settle.report.facts import ITEMS_SHOWN, Facts, Row

STEPS = {
    "orders_in": "Orders in",
    "cleared": "Cleared",
    "given_back": "Refunds and reversals",
    "excepted": "Waiting as exceptions",
    "fees": "Fees",
    "billed": "Bills, net",
    "paid": "Paid by the bank",
    "not_paid": "Not paid by the bank",
}
MEANS = {
    "not_due": "Its settlement date has not come.",
    "not_reconciled": "The channel has not confirmed it, or differently.",
    "spv_not_reconciled": "The SPV has not confirmed it, or differently.",
    "risk_hold": "A risk hold stands.",
}
NO_CHARTS = "Charts are left out: the extra is not installed (pip install 'settle[report]')."


@dataclass(frozen=True)
class Column:
    """A column's title and kind: `number` stands on the right, `key` may be broken anywhere."""

    title: str
    kind: str = "text"


@dataclass(frozen=True)
class Line:
    """One row of a table."""

    values: Sequence[str]
    is_bad: bool = False

    def cells(self, columns: Sequence[Column]) -> Iterator[tuple[Column, str]]:
        """Each value with its column."""
        return zip(columns, self.values, strict=True)


@dataclass(frozen=True)
class Table:
    """A table with its caption; `empty` is said where it has no rows, `more` beneath where it was cut."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Line]
    empty: str = ""
    more: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the page under one heading."""

    name: str
    title: str
    chinese: str
    intro: str = ""
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    link: str = ""
    link_text: str = ""


@dataclass(frozen=True)
class Figure:
    """One number at the top."""

    title: str
    value: str
    is_bad: bool = False


@dataclass(frozen=True)
class Page:
    """What the template shows."""

    batch_id: int
    batch_date: str
    note: str
    is_stopped: bool
    verdict: str
    reasons: Sequence[str]
    figures: Sequence[Figure]
    sections: Sequence[Section]
    charts_note: str = field(default="")


def grouped(minor: int, currency: str, exponents: dict[str, int]) -> str:
    """Minor units as major-unit text with thousands separators: 123456789, CNY → `1,234,567.89`."""
    exponent = exponents.get(currency)
    if exponent is None:
        return f"{int(minor):,} minor"
    digits = str(abs(int(minor))).rjust(exponent + 1, "0")
    whole, fraction = (digits[:-exponent], "." + digits[-exponent:]) if exponent else (digits, "")
    return f"{'-' if minor < 0 else ''}{int(whole):,}{fraction}"


def html_of(facts: Facts, data_docs: str = "", draw: bool | None = None) -> str:
    """The whole page, without charts where none can be drawn. `data_docs` links to the pages of the checkpoint."""
    text = files("settle.report").joinpath("page.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=False)
    drawing = can_draw() if draw is None else draw
    return environment.from_string(text).render(page=page_of(facts, data_docs, drawing)) + "\n"


def page_of(facts: Facts, data_docs: str, draw: bool) -> Page:
    """The facts as the template wants them."""
    errors = [row for row in facts.open_items if row["pool"] == "error"]
    missing = [row for row in facts.expected if row["is_missing"]]
    reasons = [
        f"Batch {row['batch_id']}: {row['meaning']} does not hold ({row['owner']}): {row['what_to_do']}".replace(
            ". does", " does"
        )
        for row in facts.stops
    ]
    if facts.broken:
        names = ", ".join(sorted({row.get("invariant") or row["control"] for row in facts.broken}))
        reasons.insert(0, f"Broken: {names}. Pay nothing of the batch before it is found.")
    stopped = bool(facts.stops or facts.broken)
    later = facts.last_batch_id > facts.batch_id
    return Page(
        batch_id=facts.batch_id,
        batch_date=str(facts.batch_date),
        note=f"the last built batch is {facts.last_batch_id}; what blocks entries is as of that one" if later else "",
        is_stopped=stopped,
        verdict="Stop: nothing may be paid or published" if stopped else _calm(facts, errors),
        reasons=reasons,
        figures=[
            Figure("orders came in", f"{sum(flow.count for flow in facts.flow if flow.step == 'orders_in'):,}"),
            Figure("new exceptions", f"{sum(int(row['order_count']) for row in facts.exceptions):,}"),
            Figure("items in the error pool", f"{len(errors):,}", bool(errors)),
            Figure("items in the buffer", f"{len(facts.open_items) - len(errors):,}"),
            Figure("invariants and controls held", _held([*facts.invariants, *facts.controls]), bool(facts.broken)),
            Figure("expectations held", _held(facts.findings) if facts.findings else "not checked", bool(facts.stops)),
            Figure("expected files missing", f"{len(missing):,}", bool(missing)),
        ],
        sections=[
            _money(facts, draw),
            _breaks(facts, draw),
            _blocked(facts),
            _totals(facts),
            _always(facts),
            _files(facts),
            _quality(facts, data_docs),
        ],
        charts_note="" if draw else NO_CHARTS,
    )


def _calm(facts: Facts, errors: Sequence[Row]) -> str:
    if not facts.findings:
        return "All invariants and controls hold; what finance expects has not been checked (settle quality)"
    return "Nothing stops publication" + ("; somebody has to look at the error pool" if errors else "")


def _held(rows: Sequence[Row]) -> str:
    return f"{sum(bool(row['held']) for row in rows):,} of {len(rows):,}"


def _titles(*titles: str) -> list[Column]:
    """Columns; a title that ends in # is of a number, one that ends in ~ of a key."""
    kinds = {"#": "number", "~": "key"}
    return [Column(title.rstrip("#~ "), kinds.get(title[-1], "text")) for title in titles]


def _words(code: object) -> str:
    return str(code).replace("_", " ")


def _money(facts: Facts, draw: bool) -> Section:
    def text(minor: int, currency: str) -> str:
        return grouped(minor, currency, facts.exponents)

    def place(step: str) -> int:
        return list(STEPS).index(step)

    flow = sorted(facts.flow, key=lambda each: (each.currency, place(each.step)))
    charts = []
    if draw:
        for currency in sorted({each.currency for each in flow if each.currency in facts.exponents}):
            own = [
                (STEPS[each.step], each.minor, text(each.minor, currency)) for each in flow if each.currency == currency
            ]
            charts.append(flow_chart(own, currency))
    rows = [
        Line([STEPS[each.step], each.currency, f"{each.count:,}", each.as_written or text(each.minor, each.currency)])
        for each in flow
    ]
    reasons = [Line([_words(row["reason_code"]), f"{row['order_count']:,}"]) for row in facts.exceptions]
    return Section(
        "money",
        "Money flow",
        "资金流",
        "What came in with this batch, what became of it, and what was billed and paid. Bills also hold entries of "
        "earlier batches that fell due.",
        charts,
        [
            Table("The same in numbers", _titles("step", "currency", "count #", "amount #"), rows, "nothing came in."),
            Table("Why new exceptions wait", _titles("reason", "orders #"), reasons, "none."),
        ],
    )


def _breaks(facts: Facts, draw: bool) -> Section:
    items = facts.open_items
    risk = [
        Line(
            [
                row["currency"],
                f"{int(row['open_count']):,}",
                grouped(row["at_risk_minor"] or 0, row["currency"], facts.exponents),
            ]
        )
        for row in facts.at_risk
    ]
    rows = []
    for row in items[:ITEMS_SHOWN]:
        difference = row["difference_minor"]
        amount = (
            "—" if difference is None else f"{grouped(difference, row['currency'], facts.exponents)} {row['currency']}"
        )
        result = _words(row["result"]) + (" (matched before)" if row["is_regressed"] else "")
        what = [result, row["pool"], row["order_no"] or row["item_key"], row["channel_code"] or ""]
        rows.append(
            Line([*what, amount, f"{row['age_days']}", row["owner"], row["next_action"]], row["pool"] == "error")
        )
    titles = _titles(
        "class", "pool", "order or item ~", "channel", "difference #", "days open #", "owner", "next action"
    )
    more = f"{len(items) - ITEMS_SHOWN:,} more in reconciliation.fct_open_items." if len(items) > ITEMS_SHOWN else ""
    return Section(
        "breaks",
        "Open differences",
        "未达账项",
        "Differences between our record and theirs that are open at the close of the batch.",
        [
            *([break_chart(facts)] if draw and items else []),
            *([history_chart(facts)] if draw and facts.history else []),
        ],
        [
            Table("At risk", _titles("currency", "open #", "amount #"), risk),
            Table("What to work on first", titles, rows, "none.", more),
        ],
    )


def _blocked(facts: Facts) -> Section:
    rows = [
        Line(
            [
                _words(row["condition"]),
                MEANS.get(row["condition"], ""),
                row["currency"],
                f"{row['count']:,}",
                grouped(row["minor"], row["currency"], facts.exponents),
            ]
        )
        for row in facts.blocked
    ]
    return Section(
        "blocked",
        "What is blocked by what",
        "结算阻断",
        "Entries that cannot settle yet; one that fails several conditions counts under each.",
        tables=[
            Table("By condition", _titles("condition", "means", "currency", "entries #", "net #"), rows, "nothing.")
        ],
    )


def _totals(facts: Facts) -> Section:
    rows = []
    for row in facts.totals:

        def text(minor: int, currency: str = row["currency"]) -> str:
            return grouped(minor, currency, facts.exponents)

        rows.append(
            Line(
                [
                    f"{_words(row['relation'])}: {row['channel_code'] or 'no channel'}",
                    row["currency"],
                    text(row["left_minor"]),
                    text(row["right_minor"]),
                    *(_roll(row, pool, out) for pool, out in (("buffer", "out"), ("error", "resolved"))),
                    text(row["unexplained_minor"]),
                ],
                bool(row["unexplained_minor"]),
            )
        )
    titles = (
        "between",
        "currency",
        "ours #",
        "theirs #",
        "buffer: open + in − out = close",
        "errors: open + in − out = close",
    )
    return Section(
        "totals",
        "Totals of both sides",
        "对总账",
        "What came in on both sides in this batch, and how the pools of open items rolled forward. Unexplained must be "
        "zero.",
        tables=[Table("By channel and currency", _titles(*titles, "unexplained #"), rows, "nothing was compared.")],
    )


def _roll(row: Row, pool: str, out: str) -> str:
    opening, came, went, closing = (int(row[f"{pool}_{part}_count"]) for part in ("opening", "in", out, "closing"))
    return f"{opening:,} + {came:,} − {went:,} = {closing:,}"


def _always(facts: Facts) -> Section:
    invariants = [
        Line([_words(row["invariant"]), _verdict(row), f"{row['failing_rows']:,}"], not row["held"])
        for row in facts.invariants
    ]
    controls = [
        Line(
            [
                _words(row["control"]),
                " ".join(filter(None, (_words(row["relation"]), row["scope"]))),
                row["currency"],
                grouped(row["difference_minor"], row["currency"], facts.exponents),
                grouped(row["explained_minor"], row["currency"], facts.exponents),
                row["what_to_do"],
            ],
            not row["held"],
        )
        for row in facts.controls
        if not row["held"] or row["difference_minor"]
    ]
    titles = ("control", "of", "currency", "difference #", "explained #", "what to do")
    return Section(
        "always",
        "Invariants and daily controls",
        "不变量与日控",
        f"{_held(facts.invariants)} invariants and {_held(facts.controls)} controls hold.",
        tables=[
            Table("Controls with a difference", _titles(*titles), controls, "none; all others agree to the unit."),
            Table("Invariants", _titles("invariant", "verdict", "failing rows #"), invariants),
        ],
    )


def _verdict(row: Row) -> str:
    return "held" if row["held"] else "BROKEN"


def _files(facts: Facts) -> Section:
    expected = [
        Line(
            [
                row["name_pattern"] or row["dataset"],
                str(row["batch_date"]),
                str(row["due_date"]),
                "missing" if row["is_missing"] else str(row["came_date"] or "not due yet"),
                f"{row['days_late']}",
            ],
            bool(row["is_missing"]),
        )
        for row in facts.expected
    ]
    names = ("rows_read", "rows_loaded", "rows_rejected", "rows_repeated")
    loaded = [
        Line(
            [row["file_name"], f"{row['dataset']} by {row['template']}", *(f"{row[name]:,}" for name in names)],
            bool(row["rows_rejected"]),
        )
        for row in facts.loaded
    ]
    titles = ("file ~", "as", "read #", "loaded #", "set aside #", "repeated #")
    return Section(
        "files",
        "Files",
        "文件",
        tables=[
            Table(
                "Expected",
                _titles("file ~", "of", "due", "came", "days late #"),
                expected,
                "no file is due (expected_files).",
            ),
            Table("Loaded with this batch", _titles(*titles), loaded, "none."),
        ],
    )


def _quality(facts: Facts, data_docs: str) -> Section:
    failed = [row for row in facts.findings if not row["held"]]
    rows = [
        Line(
            [
                _words(row["expectation_id"]),
                _standing(row),
                f"{row['failing_rows']:,} of {row['checked_rows']:,}",
                row["meaning"],
                row["owner"],
                row["what_to_do"],
                row["sample_keys"],
            ],
            bool(row["stops"]),
        )
        for row in failed
    ]
    titles = ("expectation", "standing", "rows #", "expected", "owner", "what to do", "rows by key ~")
    return Section(
        "quality",
        "What finance expects of the data",
        "数据质量",
        f"{_held(facts.findings)} expectations hold."
        if facts.findings
        else "Not checked for this batch: settle quality",
        tables=[
            Table("Findings", _titles(*titles), rows, "none." if facts.findings else ""),
            Table("Held", _titles("expectation", "rows looked at #", "expected"), list(_held_lines(facts.findings))),
        ],
        link=data_docs,
        link_text="Pages of the checkpoint (Data Docs)",
    )


def _standing(row: Row) -> str:
    if row["stops"]:
        return "stops publication"
    return (
        f"accepted by {row['accepted_by']}: {row['accepted_reason']}"
        if row["accepted_by"]
        else f"warning until {row['warn_until']}"
    )


def _held_lines(findings: Iterable[Row]) -> Iterator[Line]:
    for row in findings:
        if row["held"]:
            yield Line([_words(row["expectation_id"]), f"{row['checked_rows']:,}", row["meaning"]])
