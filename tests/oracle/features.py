"""What a world exercises: names of the branches of clearing that its answers show."""

from collections import defaultdict
from collections.abc import Iterator

from tests.oracle.world import Output, Results, Row, World, as_int

Place = tuple[object, ...]


def features(world: World, results: Results) -> set[str]:
    """The branches that occur in a world, by name."""
    found = set(_caps(world, results))
    found |= set(_redistributions(world, results))
    found |= set(_corrections(world, results))
    found |= set(_bases(world, results))
    found |= set(_models(world, results))
    found |= {f"reason {row['reason_code']}" for row in results.exceptions}
    found |= {f"entry {row['entry_kind']}" for row in results.entries}
    return found


def number(row: Output, column: str) -> int:
    """A column that holds a whole number."""
    value = row[column]
    assert isinstance(value, int)
    return value


def _caps(world: World, results: Results) -> Iterator[str]:
    rows_of: dict[Place, list[Output]] = defaultdict(list)
    levels: dict[Place, set[object]] = defaultdict(set)
    for row in results.allocations:
        if row["cap_minor"] is None:
            continue
        names = ("allocation_rule_code", "level", "parent_bearer", "bearer", "currency", "period_key")
        rows_of[tuple(row[name] for name in names)].append(row)
        levels[(row["clearing_seq"], row["rule_code"])].add(row["level"])
        yield f"cap of level {row['level']}"
    if any(len(found) == 2 for found in levels.values()):
        yield "caps at both levels of one fee"
    for rows in rows_of.values():
        yield from _one_cap(rows)
    periods = {row["bearer"]: row["cap_period"] for row in world.table("allocation_bearers")}
    yield from (f"cap period {periods[str(row['bearer'])]}" for row in results.accumulators)
    for row in results.accumulators:
        if row["cap_minor"] is None:
            yield "cap ended"
        elif number(row, "closing_minor") > number(row, "cap_minor"):
            yield "cap lowered below what is accumulated"
            if number(row, "released_minor") > 0:
                yield "release above a lowered cap"


def _one_cap(rows: list[Output]) -> Iterator[str]:
    full_at: list[int] = []
    was_released = False
    for row in rows:
        missing = number(row, "cap_minor") - number(row, "accumulated_minor")
        grant = number(row, "granted_minor")
        if grant > 0 and missing == 1:
            yield "cap missed by one unit"
        if grant > 0 and missing == 0:
            yield "cap hit exactly"
            if was_released:
                yield "cap hit again after a release"
            full_at.append(number(row, "batch_id"))
        was_released = was_released or (grant < 0 and bool(full_at))
    if len(full_at) > len(set(full_at)):
        yield "cap hit several times in one batch"


def _redistributions(world: World, results: Results) -> Iterator[str]:
    again = {
        (row["allocation_rule_code"], int(row["level"]), row["parent_bearer"])
        for row in world.table("allocation_rules")
        if row["overflow"] == "redistribute"
    }
    full: dict[Place, int] = defaultdict(int)
    for row in results.allocations:
        scope = (row["allocation_rule_code"], row["level"], row["parent_bearer"])
        if scope in again and row["cap_minor"] is not None and number(row, "granted_minor") > 0:
            capped = {
                bearer["bearer"]
                for bearer in world.table("allocation_bearers")
                if (bearer["allocation_rule_code"], int(bearer["level"]), bearer["parent_bearer"]) == scope
                and bearer["cap_minor"]
            }
            yield f"redistribution with {min(4, len(capped))} capped bearers"
            yield f"redistribution at level {row['level']}"
            if row["accumulated_minor"] == row["cap_minor"]:
                full[(row["clearing_seq"], row["rule_code"], *scope)] += 1
    if any(count >= 2 for count in full.values()):
        yield "redistribution that fills several bearers with one fee"


Move = tuple[int, str, int]  # version, kind of entry, batch
Versions = dict[tuple[str, int], Row]


def _corrections(world: World, results: Results) -> Iterator[str]:
    versions = {(row["order_no"], int(row["version"] or 1)): row for batch in world.batches for row in batch.orders}
    with_lines = {(row["order_no"], int(row["version"])) for batch in world.batches for row in batch.order_lines}
    cleared: dict[str, set[Move]] = {}
    for row in results.entries:
        move = (number(row, "order_version"), str(row["entry_kind"]), number(row, "batch_id"))
        cleared.setdefault(str(row["order_no"]), set()).add(move)
    excepted: dict[str, list[Output]] = {}
    for row in results.exceptions:
        excepted.setdefault(str(row["order_no"]), []).append(row)
    for order_no, rows in excepted.items():
        yield from _waits(order_no, rows, cleared.get(order_no, set()), versions)
    waiting = {
        (versions[(order_no, number(row, "order_version"))]["original_order_no"], row["batch_id"])
        for order_no, rows in excepted.items()
        for row in rows
        if row["reason_code"] == "refund_without_original"
    }
    for order_no, moves in cleared.items():
        for version, kind, batch_id in moves:
            if kind == "refund":
                original = cleared.get(versions[(order_no, version)]["original_order_no"], set())
                if any(move[1] == "reversal" for move in original):
                    yield "refund of a corrected order"
            if kind == "reversal":
                arrived = [key for key in versions if key[0] == order_no and _batch_of(world, key) <= batch_id]
                old, cause = (order_no, version), max(arrived)
                yield f"correction to {versions[cause]['status']}"
                yield from _differences(versions[old], versions[cause])
                if old in with_lines or cause in with_lines:
                    yield "correction of or to lines"
                if (order_no, batch_id) in waiting:
                    yield "correction and refund in one batch"
                if any(move[2] > batch_id for move in moves) and any(
                    row["batch_id"] == batch_id for row in excepted.get(order_no, [])
                ):
                    yield "correction excepted, the next version clears"
                if versions[cause]["status"] == "pending" and any(
                    move[:2] == (cause[1], "new") and move[2] >= batch_id for move in moves
                ):
                    yield "correction that the channel fills"


def _waits(order_no: str, rows: list[Output], moves: set[Move], versions: Versions) -> Iterator[str]:
    """What became of an order that waited, and why a correction was refused."""
    kinds = {kind for _, kind, _ in moves}
    for row in rows:
        version = number(row, "order_version")
        if {(version, "new"), (version, "refund")} & {move[:2] for move in moves}:
            yield "exception that clears later"
        if row["reason_code"] == "correction_after_refund":
            if "refund" in kinds:
                yield "refused: is a refund"
            elif versions[(order_no, version)]["order_type"] == "refund":
                yield "refused: becomes a refund"
            else:
                yield "refused: refunded"


def _batch_of(world: World, key: tuple[str, int]) -> int:
    for place, batch in enumerate(world.batches, start=1):
        if any((row["order_no"], int(row["version"] or 1)) == key for row in batch.orders):
            return place
    raise KeyError(key)


def _differences(old: Row, new: Row) -> Iterator[str]:
    for column in ("amount", "participant_id", "product_code", "currency", "channel_code", "ordered_at"):
        if old[column] != new[column]:
            yield f"correction of {column}"


def _bases(world: World, results: Results) -> Iterator[str]:
    rules = {row["rule_code"]: row for row in world.table("billing_rules")}
    borders: dict[str, set[int]] = defaultdict(set)
    dated: dict[str, set[str]] = defaultdict(set)
    for tier in world.table("billing_tiers"):
        borders[tier["rule_code"]].add(as_int(tier["from_minor"]) or 0)
        dated[tier["rule_code"]] |= {tier.get("valid_from") or "", tier.get("valid_to") or ""}
    most: dict[Place, int] = {}
    for row in results.details:
        code = str(row["rule_code"])
        if len(dated.get(code, set())) > 1:
            yield "fee by dated tiers"
        if row["base_before_minor"] is None:
            continue
        method, before, base = rules[code]["method"], number(row, "base_before_minor"), number(row, "base_minor")
        yield f"{method} {row['entry_kind']}"
        yield f"base by {rules[code]['accumulate_period']}"
        yield f"base of {rules[code]['base']}"
        key = (code, row["participant_id"], row["currency"], row["accumulate_period_key"])
        crossed = {border for border in borders[code] if border > 0 and before < border < before + base}
        if crossed:
            yield f"{method} crosses a border within an order"
        if len(crossed) > 1:
            yield f"{method} crosses several borders within an order"
        if base > 0 and before in borders[code] - {0}:
            yield f"{method} begins at a border"
        if base < 0 and any(before + base < border <= before for border in borders[code]):
            yield "border given back"
        if base > 0 and any(before < border < before + base <= most.get(key, 0) for border in borders[code]):
            yield "border crossed again"
        most[key] = max(most.get(key, 0), before + max(0, base))


def _models(world: World, results: Results) -> Iterator[str]:
    models = {row["model_code"]: row for row in world.table("settlement_models")}
    for row in results.details:
        model = models[str(row["model_code"])]
        yield f"combination {model['combination'] or 'empty'}, {row['entry_kind']}"
        if model["ordered"] == "false" and row["entry_kind"] == "new":
            yield "line of a model without order"
        if row["contract_currency"]:
            same = row["contract_currency"] == row["currency"]
            shown = row["contract_fee_minor"] is not None
            yield "contract in the order's currency" if same else "contract shown" if shown else "contract without rate"
    shares = {(row["clearing_seq"], row["rule_code"]) for row in results.allocations if row["level"] == 2}
    for row in results.details:
        if row["fee_type"] == "amount":
            continue
        combination = models[str(row["model_code"])]["combination"]
        if combination == "allocate_bill" and (row["clearing_seq"], row["rule_code"]) in shares:
            yield f"fee of a second-level share, {row['entry_kind']}"
