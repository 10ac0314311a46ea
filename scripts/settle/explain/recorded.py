"""What was recorded when the lines of one order cleared: models, rules, tiers and shares, and what resets took out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from settle.explain import rows
from settle.explain.rows import Reader
from settle.standing import built_batches, resets

Facts = dict[str, Any]
Rows = list[dict[str, Any]]

LINES = "clearing_internal.int_clearing__lines_sorted"
MODELS = "clearing_internal.int_clearing__models_used"
RULES = "clearing_internal.int_clearing__rules_used"
DETAILS = "clearing.fct_clearing_details"
GRANTS = "clearing.fct_fee_allocations"
KEPT = "clearing_superseded"
SHOWN = "(clearing_seq is not null or is_reason_new)"
BORNE = "(granted_minor <> 0 or demand_minor <> 0)"
# A fee's number is its line's × 100 + the place of its rule.
FEES_OF_A_LINE = 100
NAMED = ("batch_id", "model_no", "model_code", "combination")
DATED = ("valid_from", "valid_to", "currency")
CONFIGURED_COLUMNS = tuple(name for name in rows.RULE_COLUMNS if name not in ("is_split", "rule_no"))
NO_TERMS: dict[str, Any] = dict.fromkeys(rows.TERM_COLUMNS)


def clearing_facts(reader: Reader, number: str) -> Facts:
    """All that clearing has recorded of one order, as it was when its lines cleared; lists of rows by name.

    `sorted` are its lines and new reasons, `details` their fees with `computations`, `grants` who bears them, `rules`
    and `models` the versions recorded, `configured_rules` what the configuration says of these rules today;
    `originals` and `taken_back` are the lines on the other side of refunds and reversals, `other_fees` the fees of
    those; `resets` is every reset of the warehouse with what it superseded of the order.
    """
    used = reader.rows(MODELS, NAMED, "is_first_use")
    models = {int(row["model_no"]): row for row in used}
    lines = _with_model(_lines(reader, LINES, f"order_no = ? and {SHOWN}", (number,)), models)
    details = reader.rows(DETAILS, rows.DETAIL_COLUMNS, "order_no = ?", (number,), order="fee_no")
    superseded = reset_facts(reader, number)
    rules = _rules(reader, [*details, *(row for reset in superseded for row in reset["details"])])
    own = [row["clearing_seq"] for row in lines if row["clearing_seq"] is not None]
    originals = sorted({row["original_clearing_seq"] for row in lines if row["original_clearing_seq"] is not None})
    taken_back = _taken_back(reader, [*own, *originals])
    others = [*originals, *(row["clearing_seq"] for row in taken_back)]
    return {
        "sorted": lines,
        "details": details,
        "computations": _computations(reader, [row["fee_no"] for row in details if row["original_fee_no"] is None]),
        "grants": _grants(reader, number, details),
        "rules": rules,
        "configured_rules": _configured(reader, rules),
        "models": _models(reader, {row["model_no"] for row in lines}),
        "originals": _lines(reader, LINES, _in("clearing_seq", originals), originals) if originals else [],
        "taken_back": taken_back,
        "other_fees": _fees_of(reader, others),
        "resets": superseded,
    }


def _in(column: str, values: Sequence[Any]) -> str:
    return f"{column} in ({', '.join('?' * len(values))})"


def _lines(reader: Reader, table: str, where: str, params: Sequence[Any], *more: str) -> Rows:
    columns = (*more, "order_no", *rows.SORTED_COLUMNS)
    return reader.rows(table, columns, where, params, order="batch_id, coalesce(clearing_seq, 0), line_no")


def _taken_back(reader: Reader, originals: list[int]) -> Rows:
    """The refunds and reversals of some lines."""
    if not originals:
        return []
    where = f"{_in('original_clearing_seq', originals)} and clearing_seq is not null"
    return _lines(reader, LINES, where, originals)


def _with_model(lines: Rows, models: Mapping[int, Mapping[str, Any]]) -> Rows:
    """The lines with code and combination of the model that each was sorted by."""
    nothing = dict.fromkeys(NAMED)
    named = [models.get(line["model_no"], nothing) for line in lines]
    return [
        {**line, "model_code": model["model_code"], "combination": model["combination"]}
        for line, model in zip(lines, named, strict=True)
    ]


def _computations(reader: Reader, fees: list[int]) -> Rows:
    """How each fee of new business came about, step by step."""
    if not fees:
        return []
    return reader.rows(
        "clearing.fct_fee_computations",
        rows.COMPUTATION_COLUMNS,
        _in("fee_no", fees),
        fees,
        order="fee_no, coalesce(level, 0), parent_bearer, bearer, tier_no",
    )


def _fees_of(reader: Reader, lines: Iterable[int]) -> Rows:
    """The fees of some cleared lines, found by their numbers: by order, all batches would be read."""
    numbers = sorted(set(lines))
    if not numbers:
        return []
    where = " or ".join("fee_no between ? and ?" for _ in numbers)
    between = [bound for seq in numbers for bound in (seq * FEES_OF_A_LINE, seq * FEES_OF_A_LINE + FEES_OF_A_LINE - 1)]
    columns = ("clearing_seq", "entry_kind", "fee_no", "original_fee_no", "rule_code", "currency", "fee_minor")
    return reader.rows(DETAILS, columns, where, between, order="fee_no")


def _grants(reader: Reader, number: str, details: Rows) -> Rows:
    """Who bears the fees of an order, each with the terms it was recorded under, in the order of asking."""
    found = reader.rows(GRANTS, rows.GRANT_COLUMNS, f"order_no = ? and is_valid and {BORNE}", (number,))
    fees = [row["fee_no"] for row in details]
    if not found or not fees:
        return []
    kinds = {
        int(row["fee_no"]): row["kind_no"]
        for row in reader.rows("clearing_internal.int_clearing__fees", ("fee_no", "kind_no"), _in("fee_no", fees), fees)
    }
    asked = sorted(set(kinds.values()))
    place = ("kind_no", "allocation_level", "parent_bearer", "bearer")
    terms = {
        tuple(row[name] for name in place): {name: row[name] for name in rows.TERM_COLUMNS}
        for row in reader.rows(
            "clearing_internal.int_clearing__bearers_due", (*place, *rows.TERM_COLUMNS), _in("kind_no", asked), asked
        )
    }
    numbered = {(row["clearing_seq"], row["rule_code"]): int(row["fee_no"]) for row in details}
    told = []
    for grant in found:
        fee_no = numbered.get((grant["clearing_seq"], grant["rule_code"]), 0)
        # A fee on shares has the bearers of the split, which stands at place 0 of the line.
        kind = kinds.get(fee_no, kinds.get(grant["clearing_seq"] * FEES_OF_A_LINE))
        key = (kind, grant["level"], grant["parent_bearer"], grant["bearer"])
        told.append({**grant, **terms.get(key, NO_TERMS)})
    return sorted(told, key=_asked)


def _asked(grant: Mapping[str, Any]) -> tuple[Any, ...]:
    """By line, rule and level in the order of asking; without terms, who has no cap comes last."""
    is_last = grant["cap_minor"] is None if grant["is_residual"] is None else grant["is_residual"]
    return (
        grant["clearing_seq"], grant["rule_code"], grant["level"], grant["parent_bearer"], is_last,
        grant["priority"] or 0, grant["bearer"],
    )  # fmt: skip


def _rules(reader: Reader, details: Rows) -> Rows:
    """Every version of a rule that billed the order or did so before a reset, once.

    `has_others` says that other versions of its code are recorded, `has_twin` that one of them has its dates too.
    """
    keys = {row["rule_key"] for row in details}
    codes = sorted({row["rule_code"] for row in details})
    if not codes:
        return []
    where = _in("rule_code", codes)
    recorded = [
        *reader.rows(f"{KEPT}.int_clearing__rules_used", rows.RULE_COLUMNS, where, codes),
        *reader.rows(RULES, rows.RULE_COLUMNS, f"is_first_use and {where}", codes),
    ]
    versions = {row["rule_key"]: row for row in recorded}
    told = []
    for row in versions.values():
        others = [other for other in versions.values() if other is not row and other["rule_code"] == row["rule_code"]]
        twins = [other for other in others if all(other[name] == row[name] for name in DATED)]
        told.append({**row, "has_others": bool(others), "has_twin": bool(twins)})
    return [row for row in told if row["rule_key"] in keys]


def _configured(reader: Reader, rules: Rows) -> Rows:
    """What the configuration says today of the codes of these rules."""
    codes = sorted({row["rule_code"] for row in rules if not row["is_split"]})
    if not codes:
        return []
    return reader.rows("staging.stg_config__billing_rules", CONFIGURED_COLUMNS, _in("rule_code", codes), codes)


def _models(reader: Reader, numbers: set[Any]) -> Rows:
    """The settlement models that the lines were sorted by, as they were then."""
    wanted = sorted(number for number in numbers if number is not None)
    if not wanted:
        return []
    return reader.rows(MODELS, rows.MODEL_COLUMNS, f"is_first_use and {_in('model_no', wanted)}", wanted, "model_no")


def models_of(reader: Reader, code: str) -> Rows:
    """All that settlement models of this code have said, by number."""
    return reader.rows(MODELS, rows.MODEL_COLUMNS, "is_first_use and model_code = ?", (code,), "model_no")


def reset_facts(reader: Reader, number: str) -> list[Facts]:
    """Every reset with what it superseded of the order, oldest first; empty lists where it superseded nothing of it."""
    if not reader.rows("meta.resets", ("reset_no",), order="reset_no limit 1"):
        return []
    lines = _lines(reader, f"{KEPT}.int_clearing__lines_sorted", f"order_no = ? and {SHOWN}", (number,), "reset_no")
    columns = ("reset_no", *rows.DETAIL_COLUMNS)
    details = reader.rows("clearing.fct_superseded_details", columns, "order_no = ?", (number,), order="fee_no")
    where = f"order_no = ? and not is_valid and {BORNE}"
    grants = reader.rows(GRANTS, ("reset_no", *rows.GRANT_COLUMNS), where, (number,))
    tiers = _kept_tiers(reader, sorted({row["rule_code"] for row in details}))
    kept = reader.rows(f"{KEPT}.int_clearing__models_used", ("reset_no", *NAMED))
    valid = [{**row, "reset_no": None} for row in reader.rows(MODELS, NAMED)]
    found = []
    for reset in resets(reader, built_batches(reader)):
        own = {"sorted": lines, "details": details, "tiers": tiers}
        facts = {name: [row for row in told if row["reset_no"] == reset["reset_no"]] for name, told in own.items()}
        told = [{**row, **NO_TERMS} for row in grants if row["reset_no"] == reset["reset_no"]]
        found.append(
            {
                **reset,
                **facts,
                "sorted": _with_model(facts["sorted"], models_before(reset, [*kept, *valid])),
                "grants": sorted(told, key=_asked),
            }
        )
    return found


def models_before(reset: Mapping[str, Any], models: Iterable[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    """Settlement models by the numbers that they had before a reset.

    `models` are rows with reset_no (empty for those that hold now), batch_id and model_no. What the reset left alone is
    among the rows of later resets, or holds still; numbers were given again, so the earliest row counts.
    """
    found: dict[int, Mapping[str, Any]] = {}
    for row in sorted(models, key=lambda row: (row["reset_no"] is None, row["reset_no"] or 0, row["batch_id"])):
        is_own = row["reset_no"] == reset["reset_no"]
        is_later = row["reset_no"] is None or row["reset_no"] > reset["reset_no"]
        if is_own or (is_later and row["batch_id"] < reset["from_batch_id"]):
            found.setdefault(int(row["model_no"]), row)
    return found


def _kept_tiers(reader: Reader, codes: list[str]) -> Rows:
    if not codes:
        return []
    columns = ("reset_no", "batch_id", *rows.TIER_COLUMNS)
    return reader.rows(f"{KEPT}.int_clearing__tiers_used", columns, _in("rule_code", codes), codes, "set_from, tier_no")
