"""Hand-made facts of an order, as `settle explain` finds them; what a test does not name is a plain order of 100.00."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from settle.explain.figures import Figures
from settle.explain.story import Teller

SHANGHAI = ZoneInfo("Asia/Shanghai")
EXPONENTS = {"CNY": 2, "JPY": 0, "KWD": 3}
DATES = {1: date(2026, 1, 5), 2: date(2026, 1, 6), 3: date(2026, 1, 7)}
FIGURES = Figures(EXPONENTS, DATES, SHANGHAI)
Row = dict[str, Any]


def rule(**changes: Any) -> Row:
    """Version r1 of rule R: 0.6 % of the amount, the only one recorded."""
    base: Row = {
        "rule_code": "R", "rule_key": "r1", "method": "rate", "base": "amount", "ppm": 6000, "fixed_minor": 30,
        "package_size_minor": 10000, "package_price_minor": 50, "min_minor": None, "max_minor": None,
        "rounding": "half_up", "accumulate_period": None, "refund_fee": True, "allocation_rule_code": None,
        "currency": None, "valid_from": date(1, 1, 1), "valid_to": date(9999, 12, 31), "is_split": False, "rule_no": 1,
        "has_others": False, "has_twin": False,
    }  # fmt: skip
    return {**base, **changes}


def line(**changes: Any) -> Row:
    """Line 1 of O-1, cleared in batch 1 as number 7."""
    base: Row = {
        "order_no": "O-1", "batch_id": 1, "clearing_seq": 7, "entry_kind": "new", "order_version": 1, "line_no": 1,
        "participant_id": "M1", "currency": "CNY", "amount_minor": 10000, "model_no": 1, "model_code": "SALE",
        "combination": "", "contract_no": None, "reason_code": None, "reason_detail": None,
        "ordered_date": date(2026, 1, 5), "original_order_no": None, "original_clearing_seq": None,
    }  # fmt: skip
    return {**base, **changes}


def detail(**changes: Any) -> Row:
    """Its fee of 0.60 by rule R."""
    base: Row = {
        "batch_id": 1, "clearing_seq": 7, "order_version": 1, "line_no": 1, "entry_kind": "new", "rule_code": "R",
        "rule_key": "r1", "fee_type": "commission", "participant_id": "M1", "currency": "CNY", "base_minor": 10000,
        "fee_minor": 60, "fee_no": 701, "original_fee_no": None, "base_before_minor": None,
        "accumulate_period_key": None, "ordered_date": date(2026, 1, 5), "contract_currency": None,
        "contract_base_minor": None, "contract_fee_minor": None, "fx_rate": None, "fx_rate_date": None,
    }  # fmt: skip
    return {**base, **changes}


def step(**changes: Any) -> Row:
    """How that fee came about, as `fct_fee_computations` has it."""
    base: Row = {
        "fee_no": 701, "level": None, "parent_bearer": "", "bearer": "", "method": "rate", "base_minor": 10000,
        "tier_no": 0, "tier_from_minor": None, "tier_to_minor": None, "slice_minor": 10000, "ppm": 6000,
        "flat_minor": 0, "step_millionths": Decimal(60_000_000), "exact_millionths": Decimal(60_000_000),
        "rounded_minor": 60, "min_minor": None, "max_minor": None, "fee_minor": 60,
    }  # fmt: skip
    return {**base, **changes}


def grant(bearer: str, asked: int, granted: int, **changes: Any) -> Row:
    """What one bearer takes of it; without a cap, and of the first level."""
    base: Row = {
        "batch_id": 1, "clearing_seq": 7, "rule_code": "R", "level": 1, "parent_bearer": "", "bearer": bearer,
        "period_key": "none", "demand_minor": asked, "granted_minor": granted, "accumulated_minor": None,
        "cap_minor": None, "priority": 1, "is_residual": False, "method": "ratio", "overflow": "residual",
    }  # fmt: skip
    return {**base, **changes}


def capped(bearer: str, asked: int, granted: int, after: int, cap: int, **changes: Any) -> Row:
    """The same under a cap of the month."""
    return grant(bearer, asked, granted, accumulated_minor=after, cap_minor=cap, **{"period_key": "2026-01", **changes})


def source(line_no: int, text: str) -> Row:
    """Where a loaded row came from."""
    return {
        "file_name": "orders.csv",
        "file_line_no": line_no,
        "place": f"orders.csv:{line_no}",
        "template": "canonical",
        "line_text": text,
        "batch_id": 1,
        "batch_date": DATES[1],
    }


def version(**changes: Any) -> Row:
    """Version 1 of the order as it was loaded."""
    base: Row = {
        "version": 1, "order_type": "sale", "product_code": "P", "participant_id": "M1", "customer_id": None,
        "channel_code": "ALIPAY", "currency": "CNY", "amount": Decimal("100.0000"), "status": "success",
        "ordered_at": datetime(2026, 1, 5, 2, 0), "paid_at": None, "original_order_no": None, "attributes": None,
        **source(2, "O-1,1,sale"),
    }  # fmt: skip
    return {**base, **changes}


def order_story(**changes: Any) -> Row:
    """An order of 100.00 with a fee of 0.60, neither compared nor settled."""
    base: Row = {
        "order_no": "O-1", "versions": [version()], "lines": [], "refunds": [], "payments": [], "sorted": [line()],
        "details": [detail()], "computations": [step()], "grants": [], "rules": [rule()],
        "configured_rules": [rule()], "models": [{"model_no": 1, "model_code": "SALE", "cycle": "T1"}],
        "originals": [], "taken_back": [], "other_fees": [], "resets": [], "items": [], "open_items": [],
        "entries": [], "bills": [], "holds": [],
    }  # fmt: skip
    return {**base, **changes}


def told(story: Row) -> list[str]:
    """The story as lines of text."""
    facts = {"key": "O-1", "kind": "order", "orders": [story], "payments": [], "rejected": []}
    return Teller(EXPONENTS, DATES, SHANGHAI).tree(facts).lines()


def clearing_of(story: Row) -> list[str]:
    """What is told of the clearing, from its heading on."""
    lines = told(story)
    start = next(number for number, text in enumerate(lines) if text.startswith("  Clearing"))
    end = next((start + 1 + n for n, text in enumerate(lines[start + 1 :]) if not text.startswith("    ")), len(lines))
    return [text.removeprefix("    ") for text in lines[start + 1 : end]]
