"""Random configuration of a world: who takes part, which rules price and split, how statements are read."""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta

import chinese_calendar

from tests.oracle.world import Row

CURRENCIES = {"CNY": 2, "USD": 2, "JPY": 0, "KWD": 3}
METHODS = ("rate", "fixed", "rate_plus_fixed", "graduated", "volume", "package")
ROUNDINGS = ("half_up", "half_even", "down", "up", "")
PERIODS = ("day", "month", "quarter", "year", "contract", "lifetime")
# Codes whose order by bytes is not their order by letters.
SUFFIXES = ("a", "B", "_", "10", "2", "中", "Z", "ß", "é", "-")


@dataclass
class Setting:
    """The vocabulary of a world: codes that its orders may use, and amounts where rules change."""

    rng: random.Random
    prefix: str
    dates: list[date]
    scale: int
    currencies: list[str]
    full: bool = False
    config: dict[str, list[Row]] = field(default_factory=dict)
    merchants: list[str] = field(default_factory=list)
    sponsors: list[str] = field(default_factory=list)
    products: list[str] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    borders: list[int] = field(default_factory=list)

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self.rng.random() < probability

    def amount(self) -> int:
        """Minor units ≥ 1: borders of tiers, tiny, round and anything up to the world's scale."""
        kind = self.rng.random()
        if self.borders and kind < 0.3:
            return max(1, self.rng.choice(self.borders) + self.rng.choice((-1, 0, 0, 1)))
        if kind < 0.45:
            return self.rng.randint(1, 12)
        if kind < 0.6:
            return max(1, self.scale // self.rng.choice((1, 2, 4, 5, 10)))
        return self.rng.randint(1, self.scale)


def make_setting(rng: random.Random, prefix: str, dates: list[date], full: bool = False) -> Setting:
    """A configuration as seed name → rows of text; `full` only marks it for what is added to it and its orders."""
    scale = rng.choice((20, 1_000, 50_000, 50_000, 10_000_000, 10**12, 10**15))
    currencies = rng.sample(list(CURRENCIES), rng.randint(1, 3))
    setting = Setting(rng, prefix, dates, scale, currencies, full)
    _people(setting)
    _channels(setting)
    allocation_codes = [_allocation(setting, number) for number in range(rng.randint(0, 3))]
    rule_codes = [_billing_rule(setting, number, allocation_codes) for number in range(rng.randint(1, 6))]
    _models(setting, rule_codes)
    _holds(setting)
    setting.config["currencies"] = [{"currency": c, "exponent": str(e)} for c, e in CURRENCIES.items()]
    setting.config["business_days"] = china_days()
    return setting


def china_days() -> list[Row]:
    """The Chinese calendar of 2025 and 2026, make-up working days included, from the kept library."""
    days = (date(2025, 1, 1) + timedelta(days=n) for n in range(730))
    return [
        {
            "calendar_code": "CN",
            "calendar_date": day.isoformat(),
            "is_business_day": str(chinese_calendar.is_workday(day)).lower(),
        }
        for day in days
    ]


def _people(setting: Setting) -> None:
    rng, prefix = setting.rng, setting.prefix
    setting.merchants = [f"{prefix}M{n}" for n in range(rng.randint(1, 4))]
    setting.sponsors = [f"{prefix}S{n}" for n in range(rng.randint(0, 2))]
    setting.products = [f"{prefix}P{n}" for n in range(rng.randint(1, 3))]
    everyone = setting.merchants + setting.sponsors
    setting.config["participants"] = [
        {
            "participant_id": name,
            "participant_name": f"名 {name}",
            "participant_kind": "merchant",
            "parent_participant_id": "",
        }
        for name in everyone
    ]
    setting.config["products"] = [
        {"product_code": code, "product_name": code, "spv_code": ""} for code in setting.products
    ]
    setting.config["accounts"] = [
        {
            "account_no": f"{name}-{kind}-{currency}",
            "participant_id": name,
            "account_kind": kind,
            "currency": currency,
        }
        for name in everyone
        for kind in ("cash", "bank")
        for currency in setting.currencies
        if setting.chance(0.85)
    ]


def _channels(setting: Setting) -> None:
    rng, prefix = setting.rng, setting.prefix
    setting.channels = [f"{prefix}C{n}" for n in range(rng.randint(1, 3))]
    setting.config["channels"] = [
        {
            "channel_code": code,
            "channel_name": code,
            "channel_type": "third_party",
            "communication_mode": "batch_file",
        }
        for code in setting.channels
    ]
    setting.config["reconciliation_rules"] = [
        {
            "relation": "orders_channel",
            "channel_code": code,
            "grouping": rng.choice(("single", "sum")),
            "amount_tolerance_minor": rng.choice(("0", "0", "1", "7")),
            "date_window_days": rng.choice(("0", "1")),
            "buffer_days": rng.choice(("0", "1", "2", "3", "7")),
            "auto_fill": rng.choice(("true", "true", "false")),
        }
        for code in setting.channels
        if setting.chance(0.75)
    ]


def _allocation(setting: Setting, number: int) -> str:
    rng = setting.rng
    code = f"{setting.prefix}A{number}{rng.choice(SUFFIXES)}"
    method = rng.choice(("ratio", "sequence", "fixed"))
    names = ["participant", *setting.sponsors, f"{setting.prefix}brand", f"{setting.prefix}fund"]
    bearers = rng.sample(names, rng.randint(1, min(4, len(names))))
    priorities = rng.sample(range(1, 12), len(bearers))
    cuts = sorted(rng.choice((0, 1, 333_333, 500_000, 700_000, 999_999)) for _ in bearers[1:])
    shares = [high - low for low, high in zip([0, *cuts], [*cuts, 1_000_000], strict=True)]
    residual = rng.randrange(len(bearers))
    fee_scale = max(2, setting.scale // 40)
    setting.config.setdefault("allocation_rules", []).append(
        {
            "allocation_rule_code": code,
            "level": "1",
            "parent_bearer": "",
            "method": method,
            "overflow": "residual",
        }
    )
    for place, bearer in enumerate(bearers):
        capped = place != residual and setting.chance(0.75)
        cap = rng.choice((0, 1, fee_scale // 2, fee_scale, rng.randint(1, fee_scale * 10)))
        setting.config.setdefault("allocation_bearers", []).append(
            {
                "allocation_rule_code": code,
                "level": "1",
                "parent_bearer": "",
                "bearer": bearer,
                "priority": str(priorities[place]),
                "ppm": str(shares[place]) if method == "ratio" else "",
                "fixed_minor": str(rng.randint(0, fee_scale)) if method == "fixed" and place != residual else "",
                "cap_minor": str(cap) if capped else "",
                "cap_period": rng.choice(PERIODS) if capped else "",
                "is_residual": "true" if place == residual else "false",
            }
        )
    return code


def _billing_rule(setting: Setting, number: int, allocation_codes: list[str]) -> str:
    rng, scale = setting.rng, setting.scale
    code = f"{setting.prefix}{rng.choice('rRzZ')}{number}{rng.choice(SUFFIXES)}"
    method = rng.choice(METHODS)
    package_size = max(1, rng.choice((scale // 3, scale // 50, 1 if scale <= 50_000 else scale // 1000)))
    fee_scale = max(3, scale // 100)
    low = rng.randint(0, fee_scale)
    row = {
        "rule_code": code,
        "fee_type": rng.choice(("commission", "commission", "channel_fee", "technical_service")),
        "method": method,
        "base": rng.choice(("amount",) * 8 + ("principal", "interest", "count", "count")),
        "ppm": str(rng.choice((1, 6_000, 25_000, 333_333, 1_000_000, rng.randint(0, 60_000))))
        if "rate" in method
        else "",
        "fixed_minor": str(rng.choice((0, 1, 30, fee_scale))) if "fixed" in method else "",
        "package_size_minor": str(package_size) if method == "package" else "",
        "package_price_minor": str(rng.randint(0, 500)) if method == "package" else "",
        "min_minor": str(low) if setting.chance(0.25) else "",
        "max_minor": str(low + rng.randint(0, fee_scale)) if setting.chance(0.25) else "",
        "rounding": rng.choice(ROUNDINGS),
        "accumulate_period": "",
        "refund_fee": rng.choice(("true", "true", "false", "")),
        "allocation_rule_code": rng.choice(allocation_codes) if allocation_codes and setting.chance(0.6) else "",
        "currency": "",
        "valid_from": "",
        "valid_to": "",
    }
    setting.config.setdefault("billing_rules", []).extend(_versions(setting, row))
    if method in ("graduated", "volume"):
        _tiers(setting, code)
    return code


def _versions(setting: Setting, row: Row) -> list[Row]:
    """One version for ever, or two that meet, leave a gap, overlap, or differ by currency."""
    rng = setting.rng
    kind = rng.random()
    if kind < 0.65:
        return [row]
    turn = rng.choice(setting.dates)
    second = {**row, "rounding": rng.choice(ROUNDINGS), "refund_fee": rng.choice(("true", "false"))}
    if row["ppm"]:
        second["ppm"] = str(int(row["ppm"]) // 2)
    if kind < 0.85:
        return [{**row, "valid_to": turn.isoformat()}, {**second, "valid_from": turn.isoformat()}]
    if kind < 0.9:
        later = (turn + timedelta(days=1)).isoformat()
        return [{**row, "valid_to": turn.isoformat()}, {**second, "valid_from": later}]
    if kind < 0.93:
        later = (turn + timedelta(days=1)).isoformat()
        return [{**row, "valid_to": later}, {**second, "valid_from": turn.isoformat()}]
    return [{**row, "currency": currency} for currency in setting.currencies]


def _tiers(setting: Setting, code: str) -> None:
    rng = setting.rng
    borders = sorted({rng.randint(1, max(2, setting.scale)) for _ in range(rng.randint(0, 3))})
    setting.borders.extend(borders)
    for number, (low, high) in enumerate(zip([0, *borders], [*borders, None], strict=True), start=1):
        setting.config.setdefault("billing_tiers", []).append(
            {
                "rule_code": code,
                "tier_no": str(number),
                "from_minor": str(low),
                "to_minor": "" if high is None else str(high),
                "ppm": str(rng.choice((0, 1_000, 15_000, 333_333, rng.randint(0, 90_000)))),
                "flat_minor": str(rng.choice((0, 0, 1, 25))),
            }
        )


def _models(setting: Setting, rule_codes: list[str]) -> None:
    rng = setting.rng
    for place, product in enumerate(setting.products):
        _model(setting, f"base{place}", 50, rule_codes, product_code=product)
    if setting.chance(0.7):
        _model(setting, "channel", 60, rule_codes, channel_code=rng.choice(setting.channels))
    if setting.chance(0.6):
        _model(setting, "who", rng.choice((40, 60)), rule_codes, participant_id=rng.choice(setting.merchants))
    if setting.chance(0.6):
        product, kind = rng.choice(setting.products), rng.choice(("sale", "subscription"))
        _model(setting, "kind", rng.choice((10, 20)), rule_codes, product_code=product, order_type=kind)
    if setting.chance(0.6):
        _model(
            setting,
            "gold",
            rng.choice((5, 10)),
            rule_codes,
            product_code=rng.choice(setting.products),
            attribute_name="tier",
            attribute_value=rng.choice(("gold", "7")),
        )
    if setting.chance(0.4):
        turn = rng.choice(setting.dates)
        _model(
            setting,
            "dated",
            rng.choice((20, 45)),
            rule_codes,
            product_code=rng.choice(setting.products),
            valid_from=turn.isoformat(),
            valid_to=(turn + timedelta(days=rng.randint(1, 9))).isoformat(),
        )


def _model(setting: Setting, name: str, priority: int, rule_codes: list[str], **conditions: str) -> None:
    rng = setting.rng
    code = f"{setting.prefix}{name}"
    cycle = rng.choice(("D0", "D0", "D1", "D3", "T0", "T1", "T2"))
    row = {
        "model_code": code,
        "priority": str(priority),
        "order_type": "",
        "product_code": "",
        "participant_id": "",
        "channel_code": "",
        "attribute_name": "",
        "attribute_value": "",
        "cycle": cycle,
        "calendar_code": "CN",
        "roll": rng.choice(("none", "following")),
        "billing_rule_codes": ";".join(rng.sample(rule_codes, rng.randint(0, min(3, len(rule_codes))))),
        "charge_bearer": rng.choice(("payee", "payee", "payer", "")),
        "requires_channel_match": rng.choice(("true", "true", "false")),
        "requires_spv_match": "false",
        "requires_approval": "false",
        "settle_account_kind": rng.choice(("cash", "bank")),
        "valid_from": "",
        "valid_to": "",
        **conditions,
    }
    setting.config.setdefault("settlement_models", []).append(row)
    if setting.chance(0.3):
        for merchant in setting.merchants:
            if setting.chance(0.85):
                ends = rng.choice(setting.dates[1:]).isoformat() if setting.chance(0.2) else ""
                setting.config.setdefault("contracts", []).append(
                    {
                        "contract_no": f"{merchant}-{name}-{rng.choice(SUFFIXES)}",
                        "participant_id": merchant,
                        "model_code": code,
                        "valid_from": "2025-01-01",
                        "valid_to": ends,
                    }
                )


def _holds(setting: Setting) -> None:
    rng = setting.rng
    if not setting.chance(0.3):
        return
    first = rng.choice(setting.dates)
    setting.config.setdefault("risk_holds", []).append(
        {
            "hold_no": f"{setting.prefix}H1",
            "scope": "participant",
            "target": rng.choice(setting.merchants + setting.sponsors),
            "max_amount_minor": "",
            "max_count_per_day": "",
            "valid_from": first.isoformat(),
            "valid_to": (first + timedelta(days=rng.randint(1, 4))).isoformat() if setting.chance(0.7) else "",
            "reason": "checked by hand",
        }
    )
