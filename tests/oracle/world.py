"""What the oracle reads: batches of canonical text rows and a configuration, and how text becomes numbers and dates."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

Row = dict[str, str]
Output = dict[str, object]

BUSINESS_ZONE = ZoneInfo("Asia/Shanghai")

ORDER_COLUMNS = (
    "order_no",
    "version",
    "order_type",
    "product_code",
    "participant_id",
    "customer_id",
    "channel_code",
    "currency",
    "amount",
    "status",
    "ordered_at",
    "paid_at",
    "original_order_no",
    "attributes",
)
LINE_COLUMNS = ("order_no", "version", "line_no", "participant_id", "product_code", "amount", "attributes")
PAYMENT_COLUMNS = (
    "channel_code",
    "channel_txn_no",
    "order_no",
    "txn_type",
    "amount",
    "fee",
    "currency",
    "status",
    "pay_method",
    "account_no",
    "completed_at",
    "settlement_batch_no",
)
DEPOSIT_COLUMNS = (
    "account_no",
    "bank_ref_no",
    "booked_on",
    "direction",
    "amount",
    "currency",
    "settlement_batch_no",
    "narrative",
    "balance",
)
RETURN_COLUMNS = (
    "file_no",
    "instruction_no",
    "bank_txn_no",
    "amount",
    "currency",
    "status",
    "failure_code",
    "failure_reason",
    "processed_at",
)
REPORT_COLUMNS = (
    "spv_code",
    "report_kind",
    "spv_txn_no",
    "order_no",
    "product_code",
    "amount",
    "principal",
    "interest",
    "fee",
    "currency",
    "status",
    "confirmed_on",
)
DECISION_COLUMNS = (
    "decision_no",
    "relation",
    "item_key",
    "order_no",
    "action",
    "other_item_key",
    "other_order_no",
    "line_channel_code",
    "line_txn_no",
    "takes_back_no",
)
CORRECTION_COLUMNS = ("dataset", "row_key", "field", "old_value", "new_value")
SEED_COLUMNS: dict[str, tuple[str, ...]] = {
    "participants": ("participant_id", "participant_name", "participant_kind", "parent_participant_id"),
    "accounts": ("account_no", "participant_id", "account_kind", "currency"),
    "products": ("product_code", "product_name", "spv_code"),
    "channels": ("channel_code", "channel_name", "channel_type", "communication_mode"),
    "contracts": ("contract_no", "participant_id", "model_code", "valid_from", "valid_to", "currency"),
    "settlement_models": (
        "model_code",
        "priority",
        "order_type",
        "product_code",
        "participant_id",
        "channel_code",
        "attribute_name",
        "attribute_value",
        "cycle",
        "calendar_code",
        "roll",
        "billing_rule_codes",
        "charge_bearer",
        "requires_channel_match",
        "requires_spv_match",
        "requires_approval",
        "settle_account_kind",
        "valid_from",
        "valid_to",
        "combination",
        "allocation_rule_code",
        "ordered",
    ),
    "billing_rules": (
        "rule_code",
        "fee_type",
        "method",
        "base",
        "ppm",
        "fixed_minor",
        "package_size_minor",
        "package_price_minor",
        "min_minor",
        "max_minor",
        "rounding",
        "accumulate_period",
        "refund_fee",
        "allocation_rule_code",
        "currency",
        "valid_from",
        "valid_to",
    ),
    "billing_tiers": (
        "rule_code",
        "tier_no",
        "from_minor",
        "to_minor",
        "ppm",
        "flat_minor",
        "valid_from",
        "valid_to",
    ),
    "allocation_rules": ("allocation_rule_code", "level", "parent_bearer", "method", "overflow"),
    "allocation_bearers": (
        "allocation_rule_code",
        "level",
        "parent_bearer",
        "bearer",
        "priority",
        "ppm",
        "fixed_minor",
        "cap_minor",
        "cap_period",
        "is_residual",
        "valid_from",
        "valid_to",
    ),
    "reconciliation_rules": (
        "relation",
        "channel_code",
        "grouping",
        "amount_tolerance_minor",
        "date_window_days",
        "buffer_days",
        "auto_fill",
    ),
    "risk_holds": (
        "hold_no",
        "scope",
        "target",
        "max_amount_minor",
        "max_count_per_day",
        "valid_from",
        "valid_to",
        "reason",
    ),
    "business_days": ("calendar_code", "calendar_date", "is_business_day"),
    "currencies": ("currency", "exponent"),
    "fx_rates": ("rate_date", "from_currency", "to_currency", "rate"),
}
# Columns that a folder may lack; a file has them where a row fills them.
OPTIONAL_COLUMNS = {
    "contracts": {"currency"},
    "settlement_models": {"combination", "allocation_rule_code", "ordered"},
    "billing_tiers": {"valid_from", "valid_to"},
    "allocation_bearers": {"valid_from", "valid_to"},
}


@dataclass(frozen=True)
class Batch:
    """What arrived for one accounting date, in canonical text columns, and the decisions that take effect with it."""

    batch_date: date
    orders: Sequence[Row] = ()
    order_lines: Sequence[Row] = ()
    payments: Sequence[Row] = ()
    decisions: Sequence[Row] = ()
    bank_deposits: Sequence[Row] = ()
    spv_reports: Sequence[Row] = ()
    bank_returns: Sequence[Row] = ()
    corrections: Sequence[Row] = ()


@dataclass(frozen=True)
class World:
    """A closed little company: its batches in order of date, and its configuration as seed name → rows of text."""

    seed: int
    prefix: str
    batches: Sequence[Batch]
    config: dict[str, list[Row]] = field(default_factory=dict)

    def table(self, name: str) -> list[Row]:
        """The rows of one seed; empty where the world has none."""
        return self.config.get(name, [])


@dataclass(frozen=True)
class Results:
    """What each mart must hold, as rows keyed by the names of its columns."""

    details: list[Output]
    allocations: list[Output]
    accumulators: list[Output]
    exceptions: list[Output]
    items: list[Output]
    open_items: list[Output]
    entries: list[Output]
    bills: list[Output]


def bytes_key(text: str) -> bytes:
    """Text is ordered by its bytes, whatever the language of the machine."""
    return text.encode("utf-8")


def as_int(text: str | None) -> int | None:
    """A whole number, or None where the cell is empty."""
    return int(text) if text else None


def as_bool(text: str | None) -> bool:
    """A seed's boolean; empty means false."""
    return (text or "").lower() == "true"


def as_date(text: str) -> date:
    """An ISO date."""
    return date.fromisoformat(text)


def instant(text: str) -> datetime:
    """A time with its offset, or in the business time zone without one, as UTC."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=BUSINESS_ZONE)
    return moment.astimezone(UTC)


def own_date(ordered_at: str) -> date:
    """The date of a time in the business time zone."""
    return instant(ordered_at).astimezone(BUSINESS_ZONE).date()


def in_force(row: Row, on: date) -> bool:
    """valid_from inclusive, valid_to exclusive, empty is open."""
    return (not row.get("valid_from") or as_date(row["valid_from"]) <= on) and (
        not row.get("valid_to") or on < as_date(row["valid_to"])
    )


def period_of(kind: str, on: date, contract_no: str = "") -> str:
    """The key of the period of a date: day, month, quarter, year, lifetime, or the contract's number."""
    return {
        "day": on.isoformat(),
        "month": f"{on:%Y-%m}",
        "quarter": f"{on.year}-Q{(on.month + 2) // 3}",
        "year": str(on.year),
        "contract": contract_no,
        "lifetime": "lifetime",
    }[kind]


def minor_units(text: str | None, exponent: int | None) -> int | None:
    """Major-unit text as whole minor units; None where it is empty, not whole, or the currency is unknown."""
    return minor_total([text], exponent)


def minor_total(texts: Sequence[str | None], exponent: int | None) -> int | None:
    """The sum of major-unit texts as whole minor units, converted once; None if one is empty or the sum not whole."""
    if exponent is None or not all(texts):
        return None
    minor = sum((Fraction(text) for text in texts if text), Fraction()) * 10**exponent
    return int(minor) if minor.denominator == 1 else None


def major_units(minor: int, exponent: int) -> str:
    """Minor units as plain decimal text with the currency's decimals."""
    sign, digits = ("-" if minor < 0 else ""), str(abs(minor)).rjust(exponent + 1, "0")
    return sign + (f"{digits[:-exponent]}.{digits[-exponent:]}" if exponent else digits)


def json_texts(text: str | None) -> dict[str, str]:
    """A JSON object's values as text: strings as they are, numbers and booleans as they are written."""
    if not text:
        return {}
    values = json.loads(text, parse_float=str, parse_int=str)
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
        if value is not None
    }


def exponents(rows: Iterable[Row]) -> dict[str, int]:
    """Currency → how many decimals its major unit has."""
    return {row["currency"]: int(row["exponent"]) for row in rows}


def largest_remainder(amount: int, weights: Sequence[int]) -> list[int]:
    """Shares of `amount` in proportion to `weights`, whole units that sum to it; ties go to the earlier place."""
    total = sum(weights)
    if total == 0:
        return [0] * len(weights)
    shares = [amount * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda k: (-(amount * weights[k] % total), k))
    for k in by_remainder[: amount - sum(shares)]:
        shares[k] += 1
    return shares


def overlaps(wanted: Sequence[int], offered: Sequence[int]) -> list[list[int]]:
    """Lay two rows of amounts on one axis: result[i][j] is how much of `wanted[i]` falls on `offered[j]`."""
    left = list(offered)
    table = []
    for want in wanted:
        row = [0] * len(left)
        for j, room in enumerate(left):
            row[j] = min(want, room)
            want -= row[j]
            left[j] -= row[j]
        table.append(row)
    return table
