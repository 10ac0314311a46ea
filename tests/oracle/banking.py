"""Settlement batches against bank deposits in plain Python: what REC-GROUP and REC-DEPOSIT say, without SQL."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date

from tests.oracle.items import Standing, Told, changes, minor, pooled, stands_now
from tests.oracle.one_to_one import Entry, Reach, certain_pairs, costs_of
from tests.oracle.world import Row, World

Key = tuple[str, str, str]
Side = tuple[int | None, int | None, bool]


def net(line: Row) -> int:
    """What a statement line adds to what the channel owes us."""
    amount, fee = minor(line["amount"], line["currency"]), minor(line["fee"], line["currency"])
    if line["txn_type"] == "payout":
        return -fee
    return fee - amount if line["txn_type"] == "refund" else amount - fee


def bank_items(world: World) -> list[Told]:
    """Every change of an item: batch, key, result, pool, ours, theirs, difference, match kind, opened in batch."""
    rules = {
        row["channel_code"]: row for row in world.table("reconciliation_rules") if row["relation"] == "channel_bank"
    }
    lines: list[Row] = []
    deposits: list[Row] = []
    unnamed: list[Row] = []
    accounts: set[str] = set()
    last_days: dict[Key, date] = {}
    items: dict[Key, Standing] = {}
    told: list[Told] = []
    for number, batch in enumerate(world.batches, 1):
        new_lines = [
            line
            for line in batch.payments
            if line["status"] == "success" and line["settlement_batch_no"] and line["channel_code"] in rules
        ]
        new_deposits = [row for row in batch.bank_deposits if row["settlement_batch_no"] and rules]
        lines += new_lines
        last_days |= {
            (line["channel_code"], line["settlement_batch_no"], line["currency"]): batch.batch_date
            for line in new_lines
        }
        deposits += new_deposits
        unnamed += [row for row in batch.bank_deposits if not row["settlement_batch_no"]]
        accounts |= {row["account_no"] for row in batch.bank_deposits}
        recent = {
            key: day for key, day in last_days.items() if (batch.batch_date - day).days <= _looked_for(rules[key[0]])
        }
        named = _named(lines, deposits, unnamed, accounts, recent, rules)
        unnamed = [row for place, row in enumerate(unnamed) if place not in named]
        new_deposits += named.values()
        deposits += named.values()
        touched = {row["settlement_batch_no"] for row in (*new_lines, *new_deposits)}
        sides = _sides(lines, deposits, touched)
        gone: dict[Key, Side] = {key: (None, None, False) for key in items if key[1] in touched and key not in sides}
        findings = {key: _finding(*side, rules.get(key[0])) for key, side in {**sides, **gone}.items()}
        for key in sorted({*findings, *items}):
            before, side = items.get(key), {**sides, **gone}.get(key)
            now = stands_now(before, findings.get(key), side[:2] if side else None, number, batch.batch_date)
            days = int((rules.get(key[0]) or {}).get("buffer_days") or 3)
            now = pooled(now, days, batch.batch_date)
            told += changes(number, "|".join(key), before, now)
            items[key] = now
    return told


def _looked_for(rule: Row) -> int:
    """The days for which a settlement batch is looked for among entries without a number."""
    return int(rule["date_window_days"] or 0) + int(rule["buffer_days"] or 3)


def _named(
    lines: list[Row],
    deposits: list[Row],
    unnamed: list[Row],
    accounts: set[str],
    recent: dict[Key, date],
    rules: dict[str, Row],
) -> dict[int, Row]:
    """By their place in `unnamed`: the entries that can only be of one settlement batch, with its number."""
    paid = {(row["settlement_batch_no"], row["currency"]) for row in deposits}
    lefts, rights, reach = [], [], {}
    for (channel, number, currency), day in recent.items():
        of_number = [line for line in lines if line["settlement_batch_no"] == number]
        own = [line for line in of_number if (line["channel_code"], line["currency"]) == (channel, currency)]
        known = sorted({line["account_no"] for line in own} & accounts)
        is_shared = len({line["channel_code"] for line in of_number}) > 1
        amount = sum(net(line) for line in own)
        if is_shared or (number, currency) in paid or len(known) > 1 or amount == 0:
            continue
        rule = rules[channel]
        allowed = Reach(int(rule["amount_tolerance_minor"] or 0), int(rule["date_window_days"] or 0))
        scope = f"{allowed.amount} {allowed.days}@{known[0] if known else ''}"
        reach[scope] = allowed
        lefts.append(Entry(number, scope, currency, amount, day.toordinal()))
    for scope in reach:
        for place, row in enumerate(unnamed):
            if scope.split("@")[1] in ("", row["account_no"]):
                sign = -1 if row["direction"] == "debit" else 1
                amount = sign * minor(row["amount"], row["currency"])
                booked = date.fromisoformat(row["booked_on"]).toordinal()
                rights.append(Entry(f"{place}@{scope}", scope, row["currency"], amount, booked))
    taken, doubtful = certain_pairs(costs_of(lefts, rights, reach))
    # An entry that two scopes could take, or of which one of them is in doubt, is left alone.
    claims = Counter(key.split("@")[0] for key in [*(right for _, right in taken), *doubtful] if "@" in key)
    places = {right.split("@")[0]: number for number, right in taken}
    return {
        int(place): {**unnamed[int(place)], "settlement_batch_no": number}
        for place, number in places.items()
        if claims[place] == 1
    }


def _sides(lines: list[Row], deposits: list[Row], touched: set[str]) -> dict[Key, Side]:
    owners: dict[str, set[str]] = defaultdict(set)
    left: dict[Key, int] = defaultdict(int)
    right: dict[Key, int] = defaultdict(int)
    for line in lines:
        owners[line["settlement_batch_no"]].add(line["channel_code"])
        left[line["channel_code"], line["settlement_batch_no"], line["currency"]] += net(line)
    for row in deposits:
        channels = owners[row["settlement_batch_no"]]
        channel = next(iter(channels)) if len(channels) == 1 else ""
        sign = -1 if row["direction"] == "debit" else 1
        right[channel, row["settlement_batch_no"], row["currency"]] += sign * minor(row["amount"], row["currency"])
    keys = {key for key in (*left, *right) if key[1] in touched}
    return {key: (left.get(key), right.get(key), not key[0] and len(owners[key[1]]) > 1) for key in keys}


def _finding(left: int | None, right: int | None, is_ambiguous: bool, rule: Row | None) -> str:
    if left is None and right is None:
        return "nothing"
    if right is None:
        return "platform_only"
    if left is None:
        return "ambiguous" if is_ambiguous else "channel_only"
    gap = abs(right - left)
    if gap > int((rule or {}).get("amount_tolerance_minor") or 0):
        return "amount_mismatch"
    return "tolerance" if gap else "equal"
