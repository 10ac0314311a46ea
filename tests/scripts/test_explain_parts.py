"""The parts of an explanation: amounts as text, the very line of a file, sentences."""

from __future__ import annotations

import gzip
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from settle.explain.lines import LONGEST_LINE, line_texts, place_of
from settle.explain.pricing import rule_text
from settle.explain.tree import Branch, amount, exact, money, percent
from tests.scripts.explaining import EXPONENTS, FIGURES, capped, line, order_story, rule, told

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (12345, "CNY", "123.45 CNY"),
        (5, "CNY", "0.05 CNY"),
        (0, "CNY", "0.00 CNY"),
        (-5, "CNY", "-0.05 CNY"),
        (-12345, "KWD", "-12.345 KWD"),
        (1000, "JPY", "1000 JPY"),
        (10**15 + 1, "CNY", "10000000000000.01 CNY"),
        (7, "XXZ", "7 minor XXZ"),
        (None, "CNY", "—"),
    ],
)
def test_minor_units_are_shown_in_major_units(minor: int | None, currency: str, text: str) -> None:
    assert money(minor, currency, EXPONENTS) == text


@pytest.mark.parametrize(
    ("millionths", "currency", "text"),
    [
        (775_050_000, "CNY", "7.7505 CNY"),
        (775_000_000, "CNY", "7.75 CNY"),
        (1, "CNY", "0.00000001 CNY"),
        (-1_500_000, "JPY", "-1.5 JPY"),
        (12_000_000, "JPY", "12 JPY"),
        (1, "KWD", "0.000000001 KWD"),
        (10**27 + 1, "CNY", "10000000000000000000.00000001 CNY"),
        (1_250_000, "XXZ", "1.25 minor XXZ"),
    ],
)
def test_exact_amounts_keep_every_millionth_of_a_minor_unit(millionths: int, currency: str, text: str) -> None:
    assert exact(millionths, currency, EXPONENTS) == text


@pytest.mark.parametrize(
    ("value", "currency", "text"),
    [
        ("50.0000", "CNY", "50.00 CNY"),
        ("50.0010", "CNY", "50.001 CNY"),
        ("50.0000", "JPY", "50 JPY"),
        ("-0.5000", "KWD", "-0.500 KWD"),
        ("100.0000", "XXZ", "100 XXZ"),
    ],
)
def test_stored_amounts_are_shown_with_the_decimals_of_their_currency(value: str, currency: str, text: str) -> None:
    assert amount(Decimal(value), currency, EXPONENTS) == text


@pytest.mark.parametrize(
    ("ppm", "text"), [(6000, "0.6 %"), (50000, "5 %"), (1, "0.0001 %"), (0, "0 %"), (-38, "-0.0038 %")]
)
def test_rates_are_shown_in_percent(ppm: int, text: str) -> None:
    assert percent(ppm) == text


TEMPLATE = (CHECKOUT / "seeds" / "templates" / "canonical_orders.yml").read_text(encoding="utf-8")


def loaded(archive: Path, line: int, template_hash: str = "h") -> dict[str, Any]:
    return {"archive_path": str(archive), "file_line_no": line, "template_hash": template_hash}


def test_lines_are_read_from_a_plain_a_gzip_and_a_zip_file(tmp_path: Path) -> None:
    content = b"order_no,amount\r\nO-1,1.00\r\nO-2,2.00\r\n"
    plain, packed, zipped = tmp_path / "a.csv", tmp_path / "b.csv.gz", tmp_path / "c.zip"
    plain.write_bytes(content)
    packed.write_bytes(gzip.compress(content))
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("orders.csv", content)
    for file in (plain, packed, zipped):
        rows = [loaded(file, 3), loaded(file, 2), loaded(file, 9)]
        assert line_texts(rows, {"h": TEMPLATE}) == ["O-2,2.00", "O-1,1.00", None], file.name


def test_a_line_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    file, broken = tmp_path / "a.csv", tmp_path / "b.csv.gz"
    file.write_text("order_no\nO-1\n")
    broken.write_bytes(gzip.compress(b"a\nb\n" * 1000)[:-12])
    rows = [loaded(tmp_path / "gone.csv", 1), loaded(broken, 2), loaded(file, 2, "another template"), loaded(file, 2)]
    assert line_texts(rows, {"h": TEMPLATE}) == [None, None, None, "O-1"]


def test_a_very_long_line_is_cut(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("x" * 1500 + "\n")
    (text,) = line_texts([loaded(file, 1)], {"h": TEMPLATE})
    assert text is not None
    assert len(text) == LONGEST_LINE + 1


def test_branches_are_indented_text() -> None:
    root = Branch("a")
    root.add("b").add("c")
    root.add("d")
    assert root.lines() == ["a", "  b", "    c", "  d"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "0.6 % of the amount, rounded half_up"),
        ({"method": "fixed"}, "0.30 CNY an order line, rounded half_up"),
        ({"method": "rate_plus_fixed"}, "0.6 % of the amount plus 0.30 CNY, rounded half_up"),
        ({"method": "package"}, "0.50 CNY for every started 100.00 CNY of the amount, rounded half_up"),
        (
            {"min_minor": 10, "max_minor": 500},
            "0.6 % of the amount, at least 0.10 CNY, at most 5.00 CNY, rounded half_up",
        ),
        (
            {"method": "graduated", "rounding": "down"},
            "each tier's slice of the amount at that tier's rate, rounded down",
        ),
    ],
)
def test_a_rule_is_told_in_words(changes: dict[str, Any], text: str) -> None:
    assert rule_text(FIGURES, rule(**changes), "CNY") == text


def whole_story() -> dict[str, Any]:
    """An order whose fee is shared, which is matched, and which something blocks."""
    item = {
        "batch_id": 1, "result": "matched", "pool": "none", "previous_result": None, "left_minor": 10000,
        "right_minor": 10000, "difference_minor": 0, "currency": "CNY", "match_kind": "auto",
        "mismatched_fields": None, "item_key": "ALIPAY|O-1",
    }  # fmt: skip
    entry = {
        "participant_id": "M1", "order_version": 1, "entry_kind": "new", "gross_minor": 10000, "fee_minor": 0,
        "charge_minor": 0, "net_minor": 10000, "currency": "CNY", "settlement_date": date(2026, 1, 6),
        "model_code": "SALE", "blocked_by": "not_due;risk_hold", "bill_no": None,
    }  # fmt: skip
    hold = {"hold_no": "H-1", "target": "M1", "valid_to": date(2026, 2, 1), "reason": "review"}
    return order_story(
        sorted=[line(contract_no="C-1")], grants=[capped("BRAND", 60, 60, 160, 200)], items=[item], entries=[entry],
        holds=[hold],
    )  # fmt: skip


def test_an_order_is_told_from_its_line_in_the_file_to_what_blocks_it() -> None:
    assert told(whole_story()) == [
        "O-1: sale of 2026-01-05 10:00, success, through ALIPAY",
        "  Arrived",
        "    version 1: success, 100.00 CNY, batch 1 (2026-01-05)",
        "      orders.csv:2 (template canonical)",
        "        O-1,1,sale",
        "  Clearing 清分清算",
        "    line 1 cleared in batch 1 (2026-01-05) as number 7: new, 100.00 CNY for M1, model SALE, contract C-1",
        "      commission by rule R: 0.6 % of the amount, rounded half_up; base 100.00 CNY → fee 0.60 CNY",
        "        BRAND bears 0.60 CNY; 1.00 → 1.60 of its cap 2.00 CNY (2026-01) used, room 1.00 → 0.40 CNY",
        "  Reconciliation 对账",
        "    batch 1 (2026-01-05): matched (auto): both sides agree",
        "      ours 100.00 CNY, theirs 100.00 CNY, difference 0.00 CNY; item ALIPAY|O-1",
        "  Settlement 结算",
        "    M1, version 1, new: gross 100.00 CNY, fee 0.00 CNY, charges 0.00 CNY → net 100.00 CNY",
        "      settlement date 2026-01-06 (cycle T1)",
        "      blocked, not_due: its settlement date has not come",
        "      blocked, risk_hold: a risk hold is on",
        "      hold H-1 on M1 until 2026-02-01: review",
    ]


def test_an_order_that_could_not_clear_says_why() -> None:
    waits = line(clearing_seq=None, reason_code="unknown_participant", reason_detail="line 1: M9")
    story = order_story(sorted=[waits], details=[], computations=[])
    assert "    batch 1 (2026-01-05): could not clear, unknown_participant: line 1: M9" in told(story)


def test_an_order_that_nothing_has_built_yet_says_so() -> None:
    story = order_story(sorted=[], details=[], computations=[])
    assert told(story)[-1] == (
        "  Clearing 清分清算: not sorted yet; it clears when it is successful, in the next build"
    )


def test_a_cycle_is_that_of_the_model_by_which_the_lines_cleared() -> None:
    story = whole_story()
    story["models"] = [{"model_no": 2, "model_code": "SALE", "cycle": "D0"}, *story["models"]]
    assert "      settlement date 2026-01-06 (cycle T1)" in told(story)


def test_the_place_of_a_row_of_a_panel_is_line_and_period() -> None:
    bodies = {"one": "template: tape\npanel: {period: month}\n", "two": "template: plain\ndescription: no panel here\n"}
    row = {"file_name": "tape.csv", "file_line_no": 2014, "template_hash": "one"}
    assert place_of(row, bodies) == "tape.csv:2 (period 14)"
    assert place_of({**row, "template_hash": "two"}, bodies) == "tape.csv:2014"
    assert place_of({**row, "template_hash": None, "file_name": None}, bodies) == "unknown file:2014"
