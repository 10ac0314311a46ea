"""Reads the examples of the rule pages and makes a small world of each.

An example is text only: amounts are never floats. What it does not say is as in tests/oracle/hand.py: merchants M and
N, product P, channel C, rule R (1 % of the amount, given back with refunds), settlement model S (rule R, same day).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from hashlib import md5
from pathlib import Path
from typing import Any

import yaml

from tests.oracle import hand
from tests.oracle.world import SEED_COLUMNS, Batch, Row, World

FOLDER = Path(__file__).resolve().parent
# All examples share one warehouse, so they share its batches: Monday, Tuesday, the third and the fourth day after that
# Monday, the make-up working Saturday before the Spring Festival, and the first working day after it.
DATES = tuple(
    date.fromisoformat(day)
    for day in ("2026-01-05", "2026-01-06", "2026-01-08", "2026-01-09", "2026-02-14", "2026-02-24")
)
# Columns whose text names something of one example only; it gets the example's prefix.
CODES = frozenset(
    {
        "account_no",
        "allocation_rule_code",
        "bearer",
        "channel_code",
        "channel_txn_no",
        "contract_no",
        "customer_id",
        "decision_no",
        "hold_no",
        "instruction_no",
        "line_channel_code",
        "line_txn_no",
        "model_code",
        "order_no",
        "original_order_no",
        "other_order_no",
        "parent_bearer",
        "parent_participant_id",
        "participant_id",
        "product_code",
        "rule_code",
        "settlement_batch_no",
        "spv_code",
        "spv_txn_no",
        "takes_back_no",
        "target",
    }
)
# Columns whose text is the name of an item: codes between bars, and words of the warehouse's own.
ITEM_KEYS = frozenset({"item_key", "other_item_key", "row_key"})
WORDS_OF_KEYS = frozenset({"", "refund", "dup", "txn", "CNY", "JPY", "subscription", "redemption", "repayment"})
# The payout instruction of the bill of a participant, made on a day for that day: `PAY(M@2026-01-05)`, in another
# currency `PAY(M@2026-01-05 JPY)`, a second attempt `PAY(M@2026-01-05#2)`. Its number has a hash in it that nobody
# works out by hand.
INSTRUCTION = re.compile(r"PAY\((\w+)@([-\d]+)(?: (\w+))?(?:#(\d+))?\)")
# The bearer `participant` stands for the line's own participant, whoever that is.
GENERAL_CODES = frozenset({"", "participant"})


@dataclass(frozen=True)
class Example:
    """One example: a rule id, its name, what comes in, and the rows of marts that must come out.

    `expect` is mart → rows; `mart @ 2026-01-08` is about the rows of that batch only, `mart / channel_bank` about those
    of that relation. Rows hold text. `files` are whole files of orders for the first batch, as text by name, loaded
    with `--reject-bad`; `{p}` in them is the prefix.
    `not_in_oracle` says why the oracle cannot tell the same, empty where it can.
    """

    rule: str
    name: str
    config: dict[str, list[Row]]
    batches: dict[str, dict[str, list[Row]]]
    expect: dict[str, list[Row]]
    files: dict[str, str]
    not_in_oracle: str

    @property
    def id(self) -> str:
        """As in `SORT_REASON_unknown_product`."""
        return f"{self.rule.replace('-', '_')}_{self.name}"


def read_examples(folder: Path = FOLDER) -> list[Example]:
    """All examples of the folder's YAML files, in the order of file and line."""
    return [
        _example(rule, name, content)
        for file in sorted(folder.glob("*.yml"))
        for rule, examples in yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader).items()
        for name, content in examples.items()
    ]


def _example(rule: str, name: str, content: dict[str, Any]) -> Example:
    unknown = set(content) - {"config", "batches", "expect", "files", "not_in_oracle"}
    assert not unknown, f"{rule} {name}: unknown {sorted(unknown)}"
    days = {day.isoformat() for day in DATES}
    batches = content.get("batches") or {}
    strange = set(batches) - days
    assert not strange, f"{rule} {name}: {sorted(strange)} are not among the batches {sorted(days)}"
    assert content["expect"], f"{rule} {name}: expects nothing"
    return Example(
        rule,
        name,
        content.get("config") or {},
        batches,
        content["expect"],
        content.get("files") or {},
        content.get("not_in_oracle", ""),
    )


EXAMPLES = read_examples()


def prefix_of(number: int) -> str:
    """The prefix of the codes of the example with this number."""
    return f"W{number}-"


def worlds_of(examples: Sequence[Example]) -> list[World]:
    """All examples as worlds of one warehouse. Each has the exchange rates of all of them."""
    worlds = [world_of(number, example) for number, example in enumerate(examples)]
    rates = [row for world in worlds for row in world.table("fx_rates")]
    return [replace(world, config={**world.config, "fx_rates": rates}) for world in worlds]


def world_of(number: int, example: Example) -> World:
    """The example as a world of the shared batches, its codes prefixed."""
    prefix = prefix_of(number)
    tables = hand.config(**{name: [_seed(name, row) for row in rows] for name, rows in example.config.items()})
    config = {
        name: rows if name in ("currencies", "business_days") else [_prefixed(row, prefix) for row in rows]
        for name, rows in tables.items()
    }
    return World(number, prefix, [_batch(day, example, prefix) for day in DATES], config)


def _seed(table: str, row: Row) -> Row:
    values: dict[str, Any] = dict(row)
    if table == "settlement_models":
        return hand.model(**values)
    if table == "billing_rules":
        return hand.rule(**values)
    if table == "allocation_bearers":
        return hand.bearer(values.pop("bearer"), values.pop("priority"), **values)
    if table == "allocation_rules":
        values = {"allocation_rule_code": "A", "level": "1", **values}
    if table == "reconciliation_rules":
        values = {"relation": "orders_channel", "channel_code": "C", **values}
    if table not in SEED_COLUMNS:
        raise KeyError(f"no such configuration table: {table}")
    return hand.seed(table, **values)


def _batch(day: date, example: Example, prefix: str) -> Batch:
    datasets = example.batches.get(day.isoformat(), {})
    known = {"orders", "order_lines", "payments", "decisions", "deposits", "spv_reports", "returns", "corrections"}
    unknown = set(datasets) - known
    assert not unknown, f"{example.id}: unknown {sorted(unknown)}"
    rows: list[Row] = []
    for values in datasets.get("orders", []):
        rest: dict[str, Any] = {"ordered_at": f"{day.isoformat()}T10:00:00+08:00", **values}
        rows.append(hand.order(rest.pop("order_no"), rest.pop("amount"), **rest))
    for values in datasets.get("order_lines", []):
        rest = dict(values)
        rows.append(hand.order_line(rest.pop("order_no"), rest.pop("line_no"), rest.pop("amount"), **rest))
    for values in datasets.get("payments", []):
        rest = {"completed_at": f"{day.isoformat()}T10:00:05+08:00", **values}
        rows.append(hand.payment(rest.pop("order_no"), rest.pop("amount"), **rest))
    for values in datasets.get("deposits", []):
        rest = {"booked_on": day.isoformat(), **values}
        rows.append(hand.deposit(rest.pop("bank_ref_no"), rest.pop("amount"), **rest))
    for values in datasets.get("spv_reports", []):
        rest = dict(values)
        rows.append(hand.report(rest.pop("spv_txn_no"), rest.pop("order_no"), rest.pop("amount"), **rest))
    for values in datasets.get("returns", []):
        rest = dict(values)
        rows.append(hand.answer(rest.pop("instruction_no"), rest.pop("amount"), **rest))
    for values in datasets.get("decisions", []):
        rest = dict(values)
        rows.append(hand.decision(rest.pop("decision_no"), rest.pop("action"), rest.pop("item_key"), **rest))
    for values in datasets.get("corrections", []):
        rest = dict(values)
        rows.append(
            hand.correction(
                rest.pop("row_key"), rest.pop("field"), rest.pop("old_value"), rest.pop("new_value"), **rest
            )
        )
    return hand.batch(day.isoformat(), *(_prefixed(row, prefix) for row in rows))


def with_instructions(text: str, prefix: str) -> str:
    """The text with the numbers of the instructions that it names; model S, no account."""

    def number(found: re.Match[str]) -> str:
        participant, day, currency, attempt = found.groups()
        batch = DATES.index(date.fromisoformat(day)) + 1
        keys = md5(f"|{currency or 'CNY'}|{prefix}S".encode()).hexdigest()[:6]
        bill = f"B{batch}-{prefix}{participant}-{day.replace('-', '')}-{keys}"
        return f"PAY-{bill}" + (f"-{attempt}" if attempt else "")

    return INSTRUCTION.sub(number, text)


def _code(value: str, prefix: str) -> str:
    return with_instructions(value, prefix) if INSTRUCTION.match(value) else prefix + value


def _prefixed(row: Row, prefix: str) -> Row:
    named = {
        column: _code(value, prefix) if column in CODES and value not in GENERAL_CODES else value
        for column, value in row.items()
    }
    for column in ITEM_KEYS & set(row):
        parts = row[column].split("|")
        named[column] = "|".join(part if part in WORDS_OF_KEYS else _code(part, prefix) for part in parts)
    if row.get("field") in CODES:
        named |= {name: prefix + row[name] for name in ("old_value", "new_value") if row[name]}
    codes = named.get("billing_rule_codes", "")
    if codes:
        named["billing_rule_codes"] = ";".join(prefix + code for code in codes.split(";"))
    return named
