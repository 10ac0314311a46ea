"""The shipped reference tables equal the libraries they come from, and stop where those stop."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path

import chinese_calendar
import iso4217
import pytest
from typer.testing import CliRunner

from settle import calendars
from settle.cli import app

SEEDS = Path(__file__).resolve().parents[2] / "seeds" / "packages" / "defaults" / "seeds"


def seed(name: str) -> list[dict[str, str]]:
    with open(SEEDS / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_shipped_calendar_is_the_librarys_for_every_day() -> None:
    shipped = {row["calendar_date"]: row["is_business_day"] for row in seed("business_days")}
    last = max(day.year for day in chinese_calendar.constants.holidays)
    day, expected = date(2015, 1, 1), {}
    while day.year <= last:
        expected[day.isoformat()] = "true" if chinese_calendar.is_workday(day) else "false"
        day += timedelta(days=1)
    assert shipped == expected
    assert {row["calendar_code"] for row in seed("business_days")} == {"CN"}


@pytest.mark.parametrize(
    ("day", "is_open"),
    [
        ("2026-02-17", "false"),  # Spring Festival, a Tuesday
        ("2026-02-28", "true"),  # a Saturday worked for it
        ("2026-03-01", "false"),  # a Sunday
        ("2025-09-28", "true"),  # a Sunday worked for National Day
        ("2026-01-05", "true"),
    ],
)
def test_make_up_working_days_are_business_days(day: str, is_open: str) -> None:
    shipped = {row["calendar_date"]: row["is_business_day"] for row in seed("business_days")}
    assert shipped[day] == is_open


def test_a_year_that_is_not_announced_is_not_in_the_calendar() -> None:
    years = calendars.covered_years()
    with pytest.raises(NotImplementedError):
        chinese_calendar.is_workday(date(years.stop, 1, 1))
    assert max(row["calendar_date"] for row in seed("business_days")) == f"{years.stop - 1}-12-31"


def test_the_command_writes_the_shipped_file(tmp_path: Path) -> None:
    out = tmp_path / "business_days.csv"
    result = CliRunner().invoke(app, ["calendar", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert out.read_bytes() == (SEEDS / "business_days.csv").read_bytes()


def test_the_command_refuses_years_without_data(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["calendar", "--out", str(tmp_path / "x.csv"), "--first-year", "2999"])
    assert result.exit_code == 2
    assert "no data from that year on" in result.output
    assert not (tmp_path / "x.csv").exists()


def test_the_shipped_currencies_are_those_of_iso_4217() -> None:
    shipped = {row["currency"]: int(row["exponent"]) for row in seed("currencies")}
    known = {entry.code: entry.exponent for entry in iso4217.Currency if entry.exponent is not None}
    assert shipped == known
    assert [shipped[code] for code in ("CNY", "JPY", "KWD", "CLF")] == [2, 0, 3, 4]


def test_every_posting_rule_names_known_accounts_and_two_different_ones() -> None:
    accounts = {row["account_code"]: row["normal_side"] for row in seed("ledger_accounts")}
    assert set(accounts.values()) == {"debit", "credit"}
    for rule in seed("posting_rules"):
        assert rule["debit_account"] in accounts, rule
        assert rule["credit_account"] in accounts, rule
        assert rule["debit_account"] != rule["credit_account"], rule


def test_audit_transitions_go_one_state_on_or_to_rejected() -> None:
    names = {"": "", "0": "CREATED", "1": "CHECKED", "2": "APPROVED", "-1": "REJECTED"}
    last = {"bill": "PAID", "spv_report_out": "SENT", "spv_report_in": "BOOKED", "payout_file": "SENT"}
    rows = seed("audit_transitions")
    assert {row["object_kind"] for row in rows} == set(last)
    for row in rows:
        start, end, action = row["from_state"], row["to_state"], row["action"]
        states = names | {"3": last[row["object_kind"]]}
        assert (states[start], states[end]) == (row["from_name"], row["to_name"]), row
        assert start not in ("3", "-1"), f"{row}: final states take no action"
        expected = "0" if start == "" else str(int(start) + 1) if action == "APPROVE" else "-1"
        assert end == expected and action in (("CREATE",) if start == "" else ("APPROVE", "REJECT")), row


def test_queue_classes_are_ranked_without_a_tie() -> None:
    assert [(row["queue_class"], row["queue_rank"]) for row in seed("queue_classes")] == [
        ("reserved_new", "1"),
        ("repayment_reinvested", "2"),
        ("compensation_reinvested", "3"),
        ("ordinary", "4"),
    ]
