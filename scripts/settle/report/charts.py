"""Charts as inline SVG, drawn by Vega-Lite (vl-convert): nothing is fetched, nothing runs in the page.

Lengths are whole thousandths of the longest one; what is written beside them is exact text from integers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from settle.report.facts import AGES, Facts

WIDTHS = {"wide": 900, "narrow": 320}
LEGEND_COLUMNS = {"wide": 5, "narrow": 3}
TEXT = "#1f2328"
# Told apart by people who cannot tell red from green, and in grey on paper.
AGE_COLOURS = ("#c6dbef", "#9ecae1", "#6baed6", "#3182bd", "#08306b")
POOL_COLOURS = {"error": "#b35806", "buffer": "#6baed6"}
FONT = {"labelFontSize": 13, "titleFontSize": 13, "labelColor": TEXT, "titleColor": TEXT, "labelLimit": 400}
CONFIG: dict[str, Any] = {
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {**FONT, "titleFontWeight": "normal"},
    "legend": {**FONT, "orient": "top", "titleFontWeight": "normal"},
    "text": {"fontSize": 13, "color": TEXT},
}
NAMESPACE = re.compile(r'\sxmlns(:\w+)?="[^"]*"')


@dataclass(frozen=True)
class Chart:
    """One picture in a width for desktop and paper and one for a phone; `says` is what it shows, in words."""

    title: str
    says: str
    wide: str
    narrow: str


def can_draw() -> bool:
    """Whether the charting library (extra `report`) is there."""
    return find_spec("vl_convert") is not None


def chart(title: str, says: str, spec: Mapping[str, Any]) -> Chart:
    """Draw one specification in both widths."""
    import vl_convert

    drawn = {}
    for name, width in WIDTHS.items():
        sized = {**spec, "width": width, "autosize": {"type": "fit-x", "contains": "padding"}, "background": None}
        sized["config"] = {**CONFIG, "legend": {**CONFIG["legend"], "columns": LEGEND_COLUMNS[name]}}
        svg = vl_convert.vegalite_to_svg(sized)
        drawn[name] = NAMESPACE.sub("", svg)
    return Chart(title, says, drawn["wide"], drawn["narrow"])


def flow_chart(steps: Sequence[tuple[str, int, str]], currency: str) -> Chart:
    """Bars of the money's way in one currency: (step, minor units, text)."""
    longest = max((abs(minor) for _, minor, _ in steps), default=0)
    values = [
        {"step": step, "share": abs(minor) * 1000 // longest if longest else 0, "text": text}
        for step, minor, text in steps
    ]
    order = [step for step, _, _ in steps]
    spec = {
        "height": {"step": 46},
        "data": {"values": values},
        "encoding": {
            "y": {"field": "step", "type": "nominal", "sort": order, "axis": None, "scale": {"paddingInner": 0.62}},
            "x": {"field": "share", "type": "quantitative", "axis": None, "scale": {"domain": [0, 1000]}},
        },
        "layer": [
            {"mark": {"type": "bar", "color": "#3182bd"}},
            {
                "transform": [{"calculate": "datum.step + '  ' + datum.text", "as": "label"}],
                "mark": {"type": "text", "align": "left", "dx": 0, "dy": -16},
                "encoding": {"text": {"field": "label"}, "x": {"datum": 0}},
            },
        ],
    }
    says = "; ".join(f"{step} {text}" for step, _, text in steps)
    return chart(f"Money of the batch in {currency}", says, spec)


def break_chart(facts: Facts) -> Chart:
    """Open differences by class, stacked by age."""
    counts: dict[tuple[str, str], int] = {}
    for row in facts.open_items:
        key = (row["result"], row["age_bucket"])
        counts[key] = counts.get(key, 0) + 1
    values = [
        {"result": result.replace("_", " "), "age": age, "order": AGES.index(age), "count": count}
        for (result, age), count in sorted(counts.items())
    ]
    spec = {
        "height": {"step": 28},
        "data": {"values": values},
        "mark": {"type": "bar", "stroke": "#ffffff", "strokeWidth": 1},
        "encoding": {
            "y": {"field": "result", "type": "nominal", "axis": {"title": None}, "sort": "-x"},
            "x": {
                "field": "count",
                "type": "quantitative",
                "aggregate": "sum",
                "axis": {"title": "open items", "tickMinStep": 1, "format": "d"},
            },
            "color": {
                "field": "age",
                "type": "nominal",
                "sort": list(AGES),
                "scale": {"domain": list(AGES), "range": list(AGE_COLOURS)},
                "legend": {"title": "days open"},
            },
            "order": {"field": "order"},
        },
    }
    told = "; ".join(
        f"{result.replace('_', ' ')} for {age} days: {count}" for (result, age), count in sorted(counts.items())
    )
    return chart("Open differences by class and age", told, spec)


def history_chart(facts: Facts) -> Chart:
    """Open differences at the close of the last batches."""
    values = [
        {"day": str(row["batch_date"])[5:], "place": place, "pool": pool, "count": int(row[pool] or 0)}
        for place, row in enumerate(facts.history)
        for pool in ("error", "buffer")
    ]
    spec = {
        "height": 160,
        "data": {"values": values},
        "mark": {"type": "bar"},
        "encoding": {
            "x": {
                "field": "day",
                "type": "ordinal",
                "sort": {"field": "place"},
                "axis": {"title": "batch", "labelAngle": 0, "labelOverlap": True},
            },
            "y": {
                "field": "count",
                "type": "quantitative",
                "axis": {"title": "open items", "tickMinStep": 1, "format": "d"},
            },
            "color": {
                "field": "pool",
                "type": "nominal",
                "scale": {"domain": list(POOL_COLOURS), "range": list(POOL_COLOURS.values())},
                "legend": {"title": "pool"},
            },
        },
    }
    last = facts.history[-1]
    says = f"At the close of {last['batch_date']}: {last['error']} in the error pool, {last['buffer']} in the buffer"
    return chart(f"Open differences at the close of the last {len(facts.history)} batches", says, spec)
