"""The rest of a random configuration: two levels, redistribution, dated rows, cumulative tiers, combinations, rates."""

import random
from collections.abc import Iterable
from datetime import date, timedelta

from tests.oracle.world import Row
from tests.oracle.world_rules import CURRENCIES, PERIODS, ROUNDINGS, SUFFIXES, Setting

BASE_PERIODS = ("month", "quarter", "year", "lifetime")
COMBINATIONS = ("", "", "", "", "bill", "bill_allocate", "allocate", "allocate_bill", "allocate_bill")
# What one major unit is worth in hundredths of a yuan: only so that rates look like rates.
WORTH = {"CNY": 100, "USD": 712, "JPY": 5, "KWD": 2_320}
RATE_DECIMALS = 6


def enrich(setting: Setting) -> None:
    """Add to a plain configuration what clearing in full knows beyond it."""
    for number in range(setting.rng.randint(1, 2)):
        _redistributed(setting, number)
    _second_level(setting)
    for number in range(setting.rng.randint(0, 2)):
        _cumulative_rule(setting, number)
    _dated_tiers(setting)
    _dated_bearers(setting)
    _what_models_do(setting)
    _contracts(setting)
    setting.config["fx_rates"] = fx_rates(setting.dates)


def fx_rates(dates: list[date]) -> list[Row]:
    """Rates of the days around the batches, the same for all worlds of these dates; some pairs begin late or never."""
    rng = random.Random(" ".join(day.isoformat() for day in dates))
    rows = []
    for source in CURRENCIES:
        for target in CURRENCIES:
            first = rng.choice((-5, -5, -5, 1, None))
            if source == target or first is None:
                continue
            for offset in range(first, (dates[-1] - dates[0]).days + 1, rng.choice((1, 2, 5))):
                digits = WORTH[source] * 10**RATE_DECIMALS // WORTH[target] + rng.randint(-3, 3)
                text = str(max(1, digits)).rjust(RATE_DECIMALS + 1, "0")
                plain = f"{text[:-RATE_DECIMALS]}.{text[-RATE_DECIMALS:]}"
                day = dates[0] + timedelta(days=offset)
                rows.append(
                    {
                        "rate_date": day.isoformat(),
                        "from_currency": source,
                        "to_currency": target,
                        "rate": rng.choice((plain, plain, plain, "0.5", "1.25")),
                    }
                )
    return rows


def _shares(rng: random.Random, count: int) -> list[int]:
    """Parts per million that sum to a million; some are 0."""
    cuts = sorted(rng.choice((0, 1, 333_333, 500_000, 700_000, 999_999, 1_000_000)) for _ in range(count - 1))
    return [high - low for low, high in zip([0, *cuts], [*cuts, 1_000_000], strict=True)]


def _scope(
    setting: Setting, place: tuple[str, str, str], method: str, overflow: str, bearers: list[str], cap_chance: float
) -> None:
    """One rule of a level and parent with its bearers; one of them, anywhere, is the residual."""
    rng = setting.rng
    code, level, parent = place
    where = {"allocation_rule_code": code, "level": level, "parent_bearer": parent}
    setting.config.setdefault("allocation_rules", []).append({**where, "method": method, "overflow": overflow})
    priorities = rng.sample(range(1, 12), len(bearers))
    shares = _shares(rng, len(bearers))
    residual = rng.randrange(len(bearers))
    scale = max(2, setting.scale // (40 if level == "1" else 80))
    for number, bearer in enumerate(bearers):
        free = number == residual
        capped = not free and setting.chance(cap_chance)
        cap = rng.choice((0, 1, scale // 3, scale // 2, scale, rng.randint(1, scale * 10)))
        setting.config.setdefault("allocation_bearers", []).append(
            {
                **where,
                "bearer": bearer,
                "priority": str(priorities[number]),
                "ppm": str(shares[number]) if method == "ratio" else "",
                "fixed_minor": str(rng.randint(0, scale)) if method == "fixed" and not free else "",
                "cap_minor": str(cap) if capped else "",
                "cap_period": rng.choice(PERIODS) if capped else "",
                "is_residual": "true" if free else "false",
            }
        )


def _redistributed(setting: Setting, number: int) -> None:
    """An allocation rule that splits its excess again, and a billing rule or two that use it."""
    rng, prefix = setting.rng, setting.prefix
    code = f"{prefix}D{number}{rng.choice(SUFFIXES)}"
    names = ["participant", *setting.sponsors, *(f"{prefix}{name}" for name in ("brand", "fund", "bank", "pool"))]
    bearers = rng.sample(names, rng.randint(3, 5))
    _scope(setting, (code, "1", ""), "ratio", "redistribute", bearers, 0.85)
    used = rng.choice(setting.config["billing_rules"])["rule_code"]
    for row in setting.config["billing_rules"]:
        if row["rule_code"] == used or (not row["allocation_rule_code"] and setting.chance(0.3)):
            row["allocation_rule_code"] = code
    _same_allocation_for_all_versions(setting.config["billing_rules"])


def _same_allocation_for_all_versions(rules: list[Row]) -> None:
    first: dict[str, str] = {}
    for row in rules:
        row["allocation_rule_code"] = first.setdefault(row["rule_code"], row["allocation_rule_code"])


def _second_level(setting: Setting) -> None:
    """Children of one or two bearers of most allocation rules."""
    rng, prefix = setting.rng, setting.prefix
    names = ["participant", *setting.merchants, *setting.sponsors, *(f"{prefix}kid{n}" for n in range(3))]
    for code in _codes(setting.config["allocation_rules"], "allocation_rule_code"):
        parents = [row["bearer"] for row in setting.config["allocation_bearers"] if row["allocation_rule_code"] == code]
        if not setting.chance(0.6):
            continue
        for parent in rng.sample(parents, min(len(parents), rng.choice((1, 2, 2)))):
            children = rng.sample(names, rng.randint(1, min(4, len(names))))
            method = rng.choice(("ratio", "ratio", "sequence", "fixed"))
            overflow = "redistribute" if method == "ratio" and setting.chance(0.5) else rng.choice(("residual", ""))
            _scope(setting, (code, "2", parent), method, overflow, children, 0.75)


def _cumulative_rule(setting: Setting, number: int) -> None:
    rng = setting.rng
    code = f"{setting.prefix}{rng.choice('cC')}{number}{rng.choice(SUFFIXES)}"
    fee_scale = max(3, setting.scale // 100)
    allocations = _codes(setting.config["allocation_rules"], "allocation_rule_code")
    row = {
        "rule_code": code,
        "fee_type": rng.choice(("commission", "commission", "channel_fee")),
        "method": rng.choice(("cumulative_graduated", "cumulative_graduated", "cumulative_volume")),
        "base": rng.choice(("amount",) * 6 + ("principal", "interest", "count")),
        "ppm": "",
        "fixed_minor": "",
        "package_size_minor": "",
        "package_price_minor": "",
        "min_minor": str(rng.randint(0, 3)) if setting.chance(0.15) else "",
        "max_minor": str(rng.randint(3, fee_scale * 20)) if setting.chance(0.15) else "",
        "rounding": rng.choice(ROUNDINGS),
        "accumulate_period": rng.choice(BASE_PERIODS),
        "refund_fee": rng.choice(("true", "true", "false")),
        "allocation_rule_code": rng.choice(allocations) if setting.chance(0.5) else "",
        "currency": "",
        "valid_from": "",
        "valid_to": "",
    }
    versions = [row]
    if setting.chance(0.3):
        turn = rng.choice(setting.dates).isoformat()
        versions = [{**row, "valid_to": turn}, {**row, "valid_from": turn, "rounding": rng.choice(ROUNDINGS)}]
    setting.config["billing_rules"].extend(versions)
    setting.config.setdefault("billing_tiers", []).extend(_cumulative_tiers(setting, row))
    for model in setting.config["settlement_models"]:
        if setting.chance(0.6):
            model["billing_rule_codes"] = ";".join(filter(None, (model["billing_rule_codes"], code)))


def _cumulative_tiers(setting: Setting, rule: Row) -> list[Row]:
    """Tiers that a handful of orders crosses; rarely the last one ends, and what lies beyond is not priced."""
    rng = setting.rng
    reach = 8 if rule["base"] == "count" else max(3, setting.scale * rng.choice((1, 1, 3)))
    borders = sorted({rng.randint(1, reach) for _ in range(rng.randint(1, 4))})
    if rule["base"] != "count":
        setting.borders.extend(borders)
    last = str(borders[-1] + reach) if setting.chance(0.15) else ""
    return [
        {
            "rule_code": rule["rule_code"],
            "tier_no": str(number),
            "from_minor": str(low),
            "to_minor": last if high is None else str(high),
            "ppm": str(rng.choice((0, 1_000, 15_000, 333_333, rng.randint(0, 90_000)))),
            "flat_minor": str(rng.choice((0, 0, 1, 25))),
        }
        for number, (low, high) in enumerate(zip([0, *borders], [*borders, None], strict=True), start=1)
    ]


def _dated_tiers(setting: Setting) -> None:
    """Other prices, and sometimes other borders, from one day on."""
    rng = setting.rng
    tiers = setting.config.get("billing_tiers", [])
    for code in _codes(tiers, "rule_code"):
        if not setting.chance(0.4):
            continue
        turn = rng.choice(setting.dates).isoformat()
        shift = rng.choice((0, 0, 1, max(1, setting.scale // 7)))
        for row in [row for row in tiers if row["rule_code"] == code]:
            later = {**row, "valid_from": turn, "ppm": str(rng.choice((500, 20_000, 250_000)))}
            for side in ("from_minor", "to_minor"):
                if later[side] not in ("", "0"):
                    later[side] = str(int(later[side]) + shift)
            row["valid_to"] = turn
            tiers.append(later)


def _dated_bearers(setting: Setting) -> None:
    """Caps and shares that change on one day; children that appear on one."""
    rng = setting.rng
    rows = setting.config["allocation_bearers"]
    scopes = {(row["allocation_rule_code"], row["level"], row["parent_bearer"]): None for row in rows}
    for scope in scopes:
        mine = [row for row in rows if (row["allocation_rule_code"], row["level"], row["parent_bearer"]) == scope]
        turn = rng.choice(setting.dates[1:]).isoformat()
        kind = rng.random()
        if kind < 0.45:
            for row in mine:
                if row["is_residual"] == "false" and setting.chance(0.7):
                    rows.append({**row, **_changed_cap(setting, row), "valid_from": turn})
                    row["valid_to"] = turn
        elif kind < 0.55:
            shares = _shares(rng, len(mine))
            for row, share in zip(mine, shares, strict=True):
                rows.append({**row, "valid_from": turn, "ppm": str(share) if row["ppm"] else ""})
                row["valid_to"] = turn
        elif kind < 0.65 and scope[1] == "2":
            for row in mine:
                row["valid_from"] = turn


def _changed_cap(setting: Setting, row: Row) -> Row:
    """A lower cap mostly, else a higher one, none at all, or one of another period."""
    rng = setting.rng
    if not row["cap_minor"]:
        return {"cap_minor": str(rng.randint(0, max(2, setting.scale // 40))), "cap_period": rng.choice(PERIODS)}
    cap = int(row["cap_minor"])
    kind = rng.random()
    if kind < 0.1:
        return {"cap_minor": "", "cap_period": ""}
    if kind < 0.2:
        return {"cap_minor": str(cap), "cap_period": rng.choice(PERIODS)}
    return {"cap_minor": str(rng.choice((0, 1, cap // 2, max(0, cap - 1), cap * 2 + 1)))}


def _what_models_do(setting: Setting) -> None:
    """Combinations with the allocation rules they need, and models whose lines have no order."""
    rng = setting.rng
    allocations = _codes(setting.config["allocation_rules"], "allocation_rule_code")
    # A share is priced alone: no accumulated base, and no attribute of the whole line.
    simple = {
        row["rule_code"]
        for row in setting.config["billing_rules"]
        if row["base"] in ("amount", "count") and not row["method"].startswith("cumulative")
    }
    for model in setting.config["settlement_models"]:
        model["combination"] = rng.choice(COMBINATIONS)
        model["allocation_rule_code"] = ""
        model["ordered"] = rng.choice(("", "true", "false"))
        if model["combination"] in ("allocate", "allocate_bill"):
            model["allocation_rule_code"] = rng.choice(allocations)
        if model["combination"] == "allocate_bill":
            codes = [code for code in model["billing_rule_codes"].split(";") if code in simple]
            model["billing_rule_codes"] = ";".join(codes or sorted(simple)[:1])


def _contracts(setting: Setting) -> None:
    """More contracts, one that follows another, and the currency that each is kept in."""
    rng = setting.rng
    rows = setting.config.setdefault("contracts", [])
    contracted = {row["model_code"] for row in rows}
    for model in setting.config["settlement_models"]:
        if model["model_code"] in contracted or not setting.chance(0.35):
            continue
        for name in setting.merchants + setting.sponsors:
            number = f"{name}-{model['model_code']}-{rng.choice(SUFFIXES)}"
            row = {
                "contract_no": number,
                "participant_id": name,
                "model_code": model["model_code"],
                "valid_from": "",
                "valid_to": "",
            }
            if setting.chance(0.4):
                turn = rng.choice(setting.dates).isoformat()
                rows.append({**row, "contract_no": f"{number}2", "valid_from": turn})
                row["valid_to"] = turn
            rows.append(row)
    for row in rows:
        row["currency"] = rng.choice(("", *CURRENCIES))


def _codes(rows: Iterable[Row], column: str) -> list[str]:
    """The values of a column, each once, in order."""
    return list(dict.fromkeys(row[column] for row in rows))
