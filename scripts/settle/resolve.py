"""Decisions on open differences: what stands open, what may be decided about it, and the row that says who did.

A decision is written once and never changed; dbt reads it in the batch after the last one that was built.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

from settle.errors import ColumnError, DecisionNeededError, InputError, SettleError
from settle.explain.rows import Reader
from settle.explain.tree import money
from settle.resolve_lines import ORDERS_CHANNEL, line_of_item, order_for
from settle.standing import built_batches
from settle.warehouse import Warehouse

CLOSING = ("level_out", "write_off_match")
ACTIONS = ("level_out", "write_off_match", "reassign", "auto_fill", "reopen")
LINES_ALONE = ("channel_only", "duplicate_channel")
ALONE_WITH_THEM = (*LINES_ALONE, "ambiguous")
MAY = {
    "level_out": (
        "amount_mismatch", "fee_mismatch", "status_mismatch", "platform_only", *ALONE_WITH_THEM,
    ),
    "write_off_match": ("platform_only", *ALONE_WITH_THEM),
    "reassign": LINES_ALONE,
    "auto_fill": ("status_mismatch",),
}  # fmt: skip
OPEN_COLUMNS = (
    "relation", "item_key", "channel_code", "order_no", "pool", "result", "currency", "difference_minor",
    "mismatched_fields", "differences", "opened_batch_id", "age_days",
)  # fmt: skip
TAKEN_COLUMNS = (
    "decision_no", "relation", "item_key", "order_no", "action", "state", "batch_id", "decided_by", "takes_back_no",
)  # fmt: skip
COLUMNS = (
    "decision_seq", "decision_no", "relation", "item_key", "order_no", "action", "other_item_key", "other_order_no",
    "line_channel_code", "line_txn_no", "takes_back_no", "reason", "decided_by", "decided_at", "after_batch_id",
)  # fmt: skip
NEAR = 5


@dataclass(frozen=True)
class Wanted:
    """What somebody asks for. `other` is the item on the other side, or the number of the order a line belongs to."""

    item_key: str
    action: str
    reason: str
    by: str
    other: str = ""
    relation: str = ORDERS_CHANNEL


@dataclass
class Decision:
    """A decision as it is written, with what it does in words. `decision_no` is empty in a dry run."""

    wanted: Wanted
    after_batch_id: int
    order_no: str
    stands: str
    becomes: str
    other_item_key: str | None = None
    other_order_no: str | None = None
    line: tuple[str, str] | None = None
    takes_back_no: str | None = None
    decision_no: str | None = None
    keys: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The decision for a program."""
        return {
            "decision_no": self.decision_no,
            **asdict(self.wanted),
            "other_item_key": self.other_item_key,
            "takes_back_no": self.takes_back_no,
            "effective_batch_id": self.after_batch_id + 1,
            "stands": self.stands,
            "becomes": self.becomes,
        }


class Desk:
    """Judges what is wanted against the warehouse as it stands; everything it takes is remembered for the next one."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.last = last_built(reader)
        self.exponents = reader.exponents()
        self.taken = reader.rows(
            "reconciliation.fct_reconciliation_decisions", TAKEN_COLUMNS, order="decision_no, item_key"
        )
        self.busy = {
            (row["relation"], row["item_key"]): str(row["decision_no"])
            for row in self.taken
            if row["state"] == "waiting"
        }

    def decide(self, wanted: Wanted) -> Decision:
        """The decision that is wanted. Raises ColumnError with the reason why it cannot be taken."""
        for column, value, hint in (
            ("reason", wanted.reason, "Say why: --reason TEXT"),
            ("by", wanted.by, "Say who decides: --by NAME, or SETTLE_ACTOR"),
        ):
            if not value.strip():
                raise ColumnError(InputError(f"is missing. {hint}"), column)
        if wanted.action not in ACTIONS:
            raise ColumnError(InputError(f"is no action. Use one of {', '.join(ACTIONS)}."), "action")
        if wanted.action == "reopen":
            decision = self._reopened(wanted)
        else:
            decision = self._resolved(wanted, self._open_item(wanted.item_key, wanted.relation, "item_key"))
        self.busy |= dict.fromkeys(((wanted.relation, key) for key in decision.keys), "this file")
        return decision

    def open_items(self) -> list[dict[str, Any]]:
        """Every open item with `actions`, what may be decided about it; empty while a decision waits on it."""
        items = self.reader.rows(
            "reconciliation.fct_open_items", OPEN_COLUMNS, "batch_id = ?", (self.last,), order="relation, item_key"
        )
        for item in items:
            waits = self.busy.get((item["relation"], item["item_key"]))
            item["waits_for"] = waits
            item["actions"] = [] if waits else [action for action in MAY if not self._unfit(action, item)]
        return items

    def _unfit(self, action: str, item: Mapping[str, Any]) -> str:
        """Why an action does not fit an item; empty where it does."""
        if item["result"] not in MAY[action]:
            return f"does not fit {item['result']}; it is for {', '.join(MAY[action])}."
        if item["difference_minor"] is None:
            return "does not fit an item whose currencies differ."
        if action in ("reassign", "auto_fill") and item["relation"] != ORDERS_CHANNEL:
            return f"is for orders and statement lines ({ORDERS_CHANNEL}), not for {item['relation']}."
        if action == "auto_fill":
            if item["mismatched_fields"] != "status":
                return f"is only for equal amounts; the item differs in {item['mismatched_fields'].replace(';', ', ')}."
            order = order_for(self.reader, item["order_no"], self.last)
            if order is None or order["status"] != "pending":
                status = order["status"] if order else "unknown"
                return f"is only for a pending order; {item['order_no']} is {status}. Send a higher version of it."
        return ""

    def _resolved(self, wanted: Wanted, item: dict[str, Any]) -> Decision:
        unfit = self._unfit(wanted.action, item)
        if unfit:
            fits = [action for action in MAY if not self._unfit(action, item)]
            raise ColumnError(InputError(f"{unfit} {_allowed(wanted.item_key, fits)}"), "action")
        start = f"from batch {self.last + 1} on: "
        decision = Decision(wanted, self.last, item["order_no"], self._told(item), start, keys=[wanted.item_key])
        if wanted.action == "level_out":
            decision.becomes += f"closed (manual), {self._booked(item)} to be booked"
        elif wanted.action == "auto_fill":
            decision.becomes += f"matched (manual); order {item['order_no']} counts as paid, clears and settles"
        elif wanted.action == "write_off_match":
            self._written_off(decision, item)
        else:
            self._reassigned(decision, item)
        return decision

    def _written_off(self, decision: Decision, item: Mapping[str, Any]) -> None:
        wanted = decision.wanted
        if not wanted.other:
            raise ColumnError(InputError("is missing. Name the item on the other side: --with ITEM_KEY"), "with")
        other = self._open_item(wanted.other, wanted.relation, "with")
        if (item["result"] == "platform_only") == (other["result"] == "platform_only"):
            raise ColumnError(
                InputError(
                    f"is {other['result']} and {wanted.item_key} is {item['result']}: one must be ours alone "
                    f"(platform_only), the other theirs alone ({' or '.join(ALONE_WITH_THEM)})."
                ),
                "with",
            )
        unfit = self._unfit("write_off_match", other)
        if unfit:
            raise ColumnError(InputError(unfit), "with")
        if kind_of(item) != kind_of(other):
            raise ColumnError(
                InputError(f"is a {kind_of(other)} and {wanted.item_key} a {kind_of(item)}: only likes can be."), "with"
            )
        if item["currency"] != other["currency"]:
            raise ColumnError(
                DecisionNeededError(
                    f"is in {other['currency']}, {wanted.item_key} in {item['currency']}: no rate is agreed for them. "
                    "Level each out by itself, or have the order corrected."
                ),
                "with",
            )
        decision.other_item_key, decision.other_order_no = wanted.other, other["order_no"]
        decision.keys.append(wanted.other)
        residual = int(item["difference_minor"]) + int(other["difference_minor"])
        decision.stands += f"; {self._told(other)}"
        decision.becomes += f"both closed (manual), {money(residual, item['currency'], self.exponents)} to be booked"

    def _reassigned(self, decision: Decision, item: Mapping[str, Any]) -> None:
        wanted = decision.wanted
        if not wanted.other:
            raise ColumnError(
                InputError("is missing. Name the order that the line belongs to: --with ORDER_NO"), "with"
            )
        try:
            line = line_of_item(self.reader, item)
        except SettleError as refusal:
            raise ColumnError(refusal, "item_key") from refusal
        try:
            key = self._target(wanted.other, item, line)
        except SettleError as refusal:
            raise ColumnError(refusal, "with") from refusal
        self._refuse_busy(key, wanted.relation, "with")
        decision.line = (str(line["channel_code"]), str(line["channel_txn_no"]))
        decision.other_item_key, decision.other_order_no = key, wanted.other
        decision.keys.append(key)
        decision.becomes += (
            f"closed (manual); line {line['channel_txn_no']} of {line['channel_code']} is judged as a line of "
            f"order {wanted.other} (item {key})"
        )

    def _target(self, number: str, item: Mapping[str, Any], line: Mapping[str, Any]) -> str:
        """The item of the order that a line is assigned to. Raises InputError or DecisionNeededError."""
        order = order_for(self.reader, number, self.last)
        if order is None:
            near = [name for name in self.reader.near_misses(number) if name != number]
            hint = f" Did you mean {', '.join(near)}?" if near else ""
            raise InputError(f"is no order of a batch that is built.{hint}")
        if number == item["order_no"]:
            raise InputError("is the number that the line has already. Name the order that it belongs to.")
        if order["channel_code"] not in (None, line["channel_code"]):
            raise InputError(
                f"is an order of channel {order['channel_code']}, the line is of {line['channel_code']}. Name the "
                "channel by a higher version of the order, or write the two off: --action write_off_match"
            )
        if (order["order_type"] == "refund") != (line["txn_type"] == "refund"):
            raise InputError(f"is a {order['order_type']} and the line a {line['txn_type']}: one pays, one pays back.")
        if order["currency"] != line["currency"]:
            raise DecisionNeededError(
                f"is in {order['currency']}, the line in {line['currency']}. Correct the order's currency by a higher "
                "version, or ask the channel."
            )
        key = f"{order['channel_code'] or ''}|{number}" + ("|refund" if order["order_type"] == "refund" else "")
        held = self._last_row(key, number, ORDERS_CHANNEL)
        if held is not None and held["right_minor"] is not None and not self._adds_up(order["channel_code"]):
            raise InputError(
                f"has a line already ({held['result']}), and its channel takes one line an order: this one would only "
                "be a duplicate there. Level it out instead, or have it refunded."
            )
        return key

    def _adds_up(self, channel_code: str | None) -> bool:
        where = "relation = ? and channel_code = ? and grouping = 'sum'"
        return bool(
            self.reader.rows(
                "config.reconciliation_rules", ("channel_code",), where, (ORDERS_CHANNEL, channel_code or "")
            )
        )

    def _reopened(self, wanted: Wanted) -> Decision:
        """REC-DECIDE: what was decided is taken back by another decision; one that still waits is withdrawn."""
        mine = [
            row
            for row in self.taken
            if (row["relation"], row["item_key"]) == (wanted.relation, wanted.item_key)
            and row["action"] != "reopen"
            and row["state"] in ("in force", "waiting")
        ]
        waiting = self.busy.get((wanted.relation, wanted.item_key))
        if waiting and not any(row["decision_no"] == waiting for row in mine):
            self._refuse_busy(wanted.item_key, wanted.relation, "item_key")
        if not mine:
            raise ColumnError(
                InputError("has no decision in force that could be taken back. See: settle resolve --list"), "item_key"
            )
        undone = mine[-1]
        if undone["action"] == "auto_fill" and undone["state"] == "in force":
            raise ColumnError(
                InputError(
                    f"was filled by {undone['decision_no']}, and order {undone['order_no']} has cleared in batch "
                    f"{undone['batch_id']}. Send a higher version of the order: that takes the clearing back."
                ),
                "item_key",
            )
        held = self._last_row(wanted.item_key, str(undone["order_no"]), wanted.relation)
        closed = held is not None and held["decision_no"] == undone["decision_no"]
        if undone["state"] == "in force" and undone["action"] in CLOSING and not closed:
            batch = held["batch_id"] if held is not None else self.last
            raise ColumnError(
                InputError(
                    f"has changed in batch {batch} and was judged again, so {undone['decision_no']} has nothing left "
                    "to take back."
                ),
                "item_key",
            )
        others = [
            row
            for row in self.taken
            if row["decision_no"] == undone["decision_no"] and row["item_key"] != wanted.item_key
        ]
        told = f"{undone['action']} {undone['decision_no']} by {undone['decided_by']}"
        stands = f"{wanted.item_key}: {told}, {undone['state']} (batch {undone['batch_id']})"
        if undone["state"] == "waiting":
            becomes = f"{undone['decision_no']} is withdrawn before it takes effect"
        else:
            becomes = f"from batch {self.last + 1} on: open again, as if {undone['decision_no']} had not been decided"
        return Decision(
            wanted,
            self.last,
            str(undone["order_no"]),
            stands,
            becomes,
            other_item_key=others[0]["item_key"] if others else None,
            other_order_no=others[0]["order_no"] if others else None,
            takes_back_no=str(undone["decision_no"]),
            keys=[wanted.item_key, *(row["item_key"] for row in others)],
        )

    def _open_item(self, key: str, relation: str, column: str) -> dict[str, Any]:
        """The open item of this name, nothing waiting on it. Raises ColumnError otherwise."""
        found = self.reader.rows(
            "reconciliation.fct_open_items",
            OPEN_COLUMNS,
            "batch_id = ? and relation = ? and item_key = ?",
            (self.last, relation, key),
        )
        if found:
            self._refuse_busy(key, relation, column)
            return found[0]
        number = key.split("|")[1] if "|" in key else key
        held = self._last_row(key, number, relation)
        if held is not None:
            how = f"{held['result']} ({held['match_kind']})" if held["match_kind"] else str(held["result"])
            raise ColumnError(
                InputError(f"is not open: {how} since batch {held['batch_id']}. See: settle explain {number}"), column
            )
        keys = [row["item_key"] for row in self.open_items()]
        near = [name for name in keys if number and number in name.split("|")] or get_close_matches(key, keys, n=NEAR)
        hint = f" Did you mean {', '.join(near[:NEAR])}?" if near else ""
        raise ColumnError(InputError(f"is no open item.{hint} See: settle resolve --list"), column)

    def _refuse_busy(self, key: str, relation: str, column: str) -> None:
        waits = self.busy.get((relation, key))
        if waits:
            raise ColumnError(
                DecisionNeededError(
                    f"has a decision waiting already ({waits}), for batch {self.last + 1}. Build it first, or withdraw "
                    "it: --action reopen"
                ),
                column,
            )

    def _last_row(self, key: str, number: str, relation: str) -> dict[str, Any] | None:
        columns = ("batch_id", "result", "pool", "match_kind", "right_minor", "decision_no")
        rows = self.reader.rows(
            "reconciliation.fct_reconciliation_items",
            columns,
            "order_no = ? and item_key = ? and relation = ?",
            (number, key, relation),
            order="batch_id",
        )
        return rows[-1] if rows else None

    def _booked(self, item: Mapping[str, Any]) -> str:
        """What levelling an item out leaves to be booked; an order that is not successful counts nothing of ours."""
        if item["result"] == "fee_mismatch":
            return "the difference of the fees"
        held = self._last_row(str(item["item_key"]), str(item["order_no"]), str(item["relation"]))
        is_paid_to_nobody = item["result"] == "status_mismatch" and held is not None
        minor = held["right_minor"] if held is not None and is_paid_to_nobody else item["difference_minor"]
        return money(minor, item["currency"], self.exponents)

    def _told(self, item: Mapping[str, Any]) -> str:
        differs = (
            item["differences"] or f"difference {money(item['difference_minor'], item['currency'], self.exponents)}"
        )
        return f"{item['item_key']}: {item['result']} in the {item['pool']} pool for {item['age_days']} days, {differs}"


def kind_of(item: Mapping[str, Any]) -> str:
    """What an item is of: payment, refund, or what its relation names after the number (report kind, currency)."""
    own = str(item["item_key"]).removeprefix(f"{item['channel_code']}|{item['order_no']}").split("|")
    return own[1] if len(own) > 1 and own[1] not in ("dup", "txn") else "payment"


def last_built(reader: Reader) -> int:
    """The last batch that is built to the end. Raises InputError when there is none, or one is half built."""
    built = built_batches(reader)
    marks = reader.rows("meta.model_batches", ("batch_id",), order="batch_id desc limit 1")
    if not built or not reader.has("reconciliation", "fct_reconciliation_decisions"):
        raise InputError("No batch is built yet, so nothing can be decided. Build first: settle run")
    if marks and marks[0]["batch_id"] > max(built):
        raise InputError(
            f"Batch {marks[0]['batch_id']} is half built: what is decided now would be about batch {max(built)}. "
            "Finish it first: settle run"
        )
    return max(built)


def write(warehouse: Warehouse, decisions: Sequence[Decision]) -> None:
    """Append the decisions and give them their numbers; inside the caller's transaction."""
    table = f"{warehouse.schema('raw')}.decisions"
    first = 1 + int(warehouse.execute(f"select coalesce(max(decision_seq), 0) from {table}")[0][0])
    now = datetime.now(UTC).replace(tzinfo=None)
    places = ", ".join("?" * len(COLUMNS))
    for number, decision in enumerate(decisions, first):
        decision.decision_no = f"D-{number:06d}"
        wanted = decision.wanted
        line_channel, line_txn = decision.line or (None, None)
        warehouse.execute(
            f"insert into {table} ({', '.join(COLUMNS)}) values ({places})",
            (
                number, decision.decision_no, wanted.relation, wanted.item_key, decision.order_no, wanted.action,
                decision.other_item_key, decision.other_order_no, line_channel, line_txn, decision.takes_back_no,
                wanted.reason.strip(), wanted.by.strip(), now, decision.after_batch_id,
            ),
        )  # fmt: skip


def _allowed(key: str, actions: Sequence[str]) -> str:
    if not actions:
        return f"Nothing can be decided about {key}: have order or statement corrected."
    return f"For {key} use {' or '.join(actions)}."
