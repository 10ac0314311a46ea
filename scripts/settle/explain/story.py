"""Turns the facts about a key into a tree of sentences. Every number is a stored one, or a sum of stored ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from settle.explain.clearing import Clearing
from settle.explain.facts import Facts
from settle.explain.figures import Figures
from settle.explain.tree import Branch, Row, amount

BLOCKED = {
    "not_due": "its settlement date has not come",
    "not_reconciled": "the channel's record does not agree yet (model asks for it)",
    "spv_not_reconciled": "the SPV's report does not agree yet (model asks for it)",
    "risk_hold": "a risk hold is on",
    "not_paid": "it is not paid",
}
RESULTS = {
    "matched": "both sides agree",
    "matched_late": "the missing side came, both agree now",
    "amount_mismatch": "the amounts differ",
    "fee_mismatch": "the fees differ",
    "currency_mismatch": "the currencies differ",
    "status_mismatch": "the channel has the money, our order is not successful",
    "platform_only": "only we have it (长款)",
    "channel_only": "only the channel has it (漏单)",
    "duplicate_channel": "a further line for an order that has one already",
}
OF_PAYOUTS = {
    "status_mismatch": "the bank could not pay",
    "platform_only": "the bank has not answered",
    "channel_only": "only the bank has it",
    "duplicate_channel": "a further answer to an instruction that has one already",
}
POOLS = {"buffer": "buffer pool 缓冲池", "error": "error pool 差错池"}


class Teller:
    """Tells one story.

    `exponents` are the currencies' decimals, `dates` the batches' accounting dates; times are shown in `zone`.
    """

    def __init__(self, exponents: Mapping[str, int], dates: Mapping[int, Any], zone: ZoneInfo) -> None:
        self.figures = Figures(exponents, dates, zone)

    def tree(self, facts: Facts) -> Branch:
        """The whole story as a tree."""
        if facts["kind"] == "bill":
            return self._bill_tree(facts)
        if facts["kind"] == "order":
            root = self._order(facts["orders"][0])
        else:
            what = {"payment": "statement line", "rejected": "mentioned in lines that were set aside"}[facts["kind"]]
            root = Branch(f"{facts['key']}: {what}")
            for payment in facts["payments"]:
                self._payment(root, payment)
            self._items(root, facts.get("items", []), [])
            self._decisions(root, facts.get("decisions", []))
            for order in facts["orders"]:
                root.children.append(self._order(order))
        for row in facts["rejected"]:
            root.add(
                f"set aside at loading: {row['file_name']}:{row['line_no']} ({row['reason_code']}) {row['reason']}"
            )
        return root

    def _money(self, minor: int | None, currency: str | None) -> str:
        return self.figures.money(minor, currency)

    def _amount(self, row: Row, name: str) -> str:
        return amount(row[name], row["currency"], self.figures.exponents)

    def _time(self, stored: datetime) -> str:
        return self.figures.time(stored)

    def _batch(self, batch_id: int | None) -> str:
        return self.figures.batch(batch_id)

    def _order(self, order: Facts) -> Branch:
        versions = order["versions"]
        if not versions:
            root = Branch(f"{order['order_no']}: no order of ours, only statement lines name it")
        else:
            last = versions[-1]
            kind = f"{last['order_type']} of {self._time(last['ordered_at'])}"
            root = Branch(f"{order['order_no']}: {kind}, {last['status']}, {_paid_through(last)}")
        self._arrival(root, order)
        Clearing(self.figures, order).add(root)
        part = root.add("Reconciliation 对账") if order["items"] or order["payments"] else None
        if part is not None:
            for payment in order["payments"]:
                self._payment(part, payment)
            self._items(part, order["items"], order["open_items"])
            self._decisions(part, order.get("decisions", []))
        self._spv(root, order)
        self._settlement(root, order)
        return root

    def _spv(self, root: Branch, order: Facts) -> None:
        """What the SPV was told of the order and told us, and what people corrected in that."""
        lines = order.get("spv_lines", [])
        part = root.add("SPV reports SPV 报表") if lines else root
        for row in lines:
            whose = f"told {row['spv_code'] or 'nobody'}" if row["direction"] == "out" else f"their {row['spv_txn_no']}"
            before = f", {self._money(row['told_minor'], row['currency'])} before" if row["told_minor"] else ""
            line = part.add(
                f"{self._batch(row['batch_id'])}: {whose}, {row['line_kind']}, "
                f"{self._money(row['amount_minor'], row['currency'])}{before}; report {row['report_no']} line "
                f"{row['line_no']}, {row['state']}"
            )
            if row["error_code"]:
                line.add(f"{row['error_code']}: {row['error_text']}")
        for row in order.get("corrections", []):
            part.add(
                f"corrected {row['correction_no']}: {row['field']} of {row['row_key']}, "
                f"{row['old_value'] or 'empty'} → {row['new_value'] or 'empty'} by {row['corrected_by']}, "
                f"{self._time(row['corrected_at'])}, for {self._batch(row['after_batch_id'] + 1)}: {row['reason']}"
            )

    def _arrival(self, root: Branch, order: Facts) -> None:
        if not order["versions"]:
            return
        part = root.add("Arrived")
        for row in order["versions"]:
            amount = (
                self._amount(row, "amount") if row["amount"] is not None else f"amount in its lines, {row['currency']}"
            )
            seen = part.add(f"version {row['version']}: {row['status']}, {amount}, {self._batch(row['batch_id'])}")
            _source(seen, row)
            for line in order["lines"]:
                if line["version"] == row["version"]:
                    whose = line["participant_id"] or row["participant_id"]
                    shown = self._amount({**line, "currency": row["currency"]}, "amount")
                    own = seen.add(f"line {line['line_no']}: {shown} for {whose}")
                    _source(own, line)
            if row["original_order_no"]:
                seen.add(f"refund of {row['original_order_no']} (see: settle explain {row['original_order_no']})")
        for row in order["refunds"]:
            part.add(
                f"refunded by {row['order_no']} version {row['version']}: "
                f"{row['status']}, {self._batch(row['batch_id'])}"
            )

    def _payment(self, part: Branch, row: Row) -> None:
        fee = f", fee {self._amount(row, 'fee')}" if row["fee"] is not None else ""
        when = f" at {self._time(row['completed_at'])}" if row["completed_at"] else ""
        line = part.add(
            f"{row['channel_code']} line {row['channel_txn_no']}: {row['txn_type']}, {row['status']}, "
            f"{self._amount(row, 'amount')}{fee}{when}, {self._batch(row['batch_id'])}"
        )
        _source(line, row)

    def _items(self, part: Branch, items: list[dict[str, Any]], open_items: list[dict[str, Any]]) -> None:
        for row in items:
            currency = row["currency"]
            before = f", before {row['previous_result']}" if row["previous_result"] else ""
            how = f" ({row['match_kind']})" if row["match_kind"] else ""
            pool = f", in the {POOLS[row['pool']]}" if row["pool"] in POOLS else ""
            known = RESULTS.get(row["result"], "")
            if row.get("relation") == "instructions_bank":
                known = OF_PAYOUTS.get(row["result"], known)
            item = part.add(
                f"{self._batch(row['batch_id'])}: {row['result']}{how}{pool}{before}" + (f": {known}" if known else "")
            )
            if row["match_kind"] == "auto_fill":
                item.add(
                    "our order was pending; the channel proves it paid, so it counts as paid from here on (自动补单)"
                )
            if row["mismatched_fields"]:
                item.add(f"differs in: {str(row['mismatched_fields']).replace(';', ', ')}")
            item.add(
                f"ours {self._money(row['left_minor'], currency)}, theirs {self._money(row['right_minor'], currency)}, "
                f"difference {self._money(row['difference_minor'], currency)}; item {row['item_key']}"
            )
        for row in open_items:
            pool = POOLS.get(row["pool"], row["pool"])
            part.add(f"open now in the {pool} for {row['age_days']} days; {row['owner']} should: {row['next_action']}")

    def _decisions(self, part: Branch, decisions: list[dict[str, Any]]) -> None:
        for row in decisions:
            back = f" of {row['takes_back_no']}" if row["takes_back_no"] else ""
            state = f"{row['state']} by {row['taken_back_by']}" if row["taken_back_by"] else str(row["state"])
            told = part.add(
                f"decided {row['decision_no']}: {row['action']}{back} by {row['decided_by']}, "
                f"{self._time(row['decided_at'])}, for {self._batch(row['batch_id'])}, {state}: {row['reason']}"
            )
            if row["other_item_key"]:
                line = f"line {row['line_txn_no']} of {row['line_channel_code']}, " if row["line_txn_no"] else ""
                told.add(f"{line}items {row['item_key']} and {row['other_item_key']}")
            for name, minor in (("amount", row["adjusted_minor"]), ("fee", row["adjusted_fee_minor"])):
                if minor:
                    told.add(f"{name} to be booked for {row['item_key']}: {self._money(minor, row['currency'])}")

    def _settlement(self, root: Branch, order: Facts) -> None:
        if not order["entries"]:
            return
        part = root.add("Settlement 结算")
        for row in order["entries"]:
            self._entry(part, row, order)

    def _entry(self, part: Branch, row: Row, order: Facts) -> None:
        currency = row["currency"]
        entry = part.add(
            f"{row['participant_id']}, version {row['order_version']}, {row['entry_kind']}: "
            f"gross {self._money(row['gross_minor'], currency)}, fee {self._money(row['fee_minor'], currency)}, "
            f"charges {self._money(row['charge_minor'], currency)} → net {self._money(row['net_minor'], currency)}"
        )
        cycle = _cycle(order, row)
        entry.add(f"settlement date {row['settlement_date']}" + (f" (cycle {cycle})" if cycle else ""))
        bill = next((bill for bill in order["bills"] if bill["bill_no"] == row["bill_no"]), None)
        if bill:
            entry.add(self._bill_line(bill))
        for name in [name for name in str(row["blocked_by"] or "").split(";") if name]:
            entry.add(f"blocked, {name}: {BLOCKED.get(name, 'see docs/rules')}")
        if row["blocked_by"]:
            for hold in order["holds"]:
                if hold["target"] in (row["participant_id"], order["order_no"]):
                    until = hold["valid_to"] or "further notice"
                    entry.add(f"hold {hold['hold_no']} on {hold['target']} until {until}: {hold['reason']}")

    def _bill_line(self, bill: Row) -> str:
        return (
            f"bill {bill['bill_no']} of {self._batch(bill['batch_id'])}: {bill['entry_count']} entries, "
            f"net {self._money(bill['net_minor'], bill['currency'])}, {bill['state']}"
        )

    def _bill_tree(self, facts: Facts) -> Branch:
        bill = facts["bill"]
        currency = bill["currency"]
        root = Branch(f"{self._bill_line(bill)}")
        root.add(
            f"for {bill['participant_id']}, account {bill['account_no'] or '—'}, model {bill['model_code']}, "
            f"settlement date {bill['settlement_date']}"
        )
        parts = (
            "gross_minor", "refund_minor", "fee_minor", "charge_minor", "adjustment_minor", "carried_in_minor",
            "carried_out_minor", "net_minor",
        )  # fmt: skip
        amounts = root.add("Amounts")
        for name in parts:
            amounts.add(f"{name.removesuffix('_minor').replace('_', ' ')}: {self._money(bill[name], currency)}")
        entries = root.add(f"Entries ({len(facts['bill_entries'])}); settle explain ORDER_NO tells each one's story")
        for row in facts["bill_entries"]:
            entries.add(
                f"{row['order_no']} version {row['order_version']}, {row['entry_kind']}: "
                f"gross {self._money(row['gross_minor'], currency)}, net {self._money(row['net_minor'], currency)}"
            )
        for payout in facts["payouts"]:
            part = root.add(
                f"Payout {payout['instruction_no']}: {self._money(payout['amount_minor'], currency)}, "
                f"attempt {payout['attempt_no']}, {payout['status']}"
                + (f", in file {payout['file_no']} ({payout['file_state']})" if payout["file_no"] else "")
            )
            for row in payout["answers"]:
                why = " ".join(str(row[name]) for name in ("failure_code", "failure_reason") if row[name])
                said = f"the bank: {row['status']}, {self._amount(row, 'amount')}, {self._batch(row['batch_id'])}"
                _source(part.add(f"{said}: {why}" if why else said), row)
            self._items(part, payout["items"], [])
        self._items(root, [], facts["open_items"])
        return root


def _cycle(order: Facts, entry: Row) -> str | None:
    """The cycle by which an entry settles: that of the model by which its lines cleared."""
    kind = (entry["order_version"], entry["entry_kind"])
    numbers = {row["model_no"] for row in order["sorted"] if (row["order_version"], row["entry_kind"]) == kind}
    cycles = (
        model["cycle"]
        for model in order["models"]
        if model["model_no"] in numbers and model["model_code"] == entry["model_code"]
    )
    return next(cycles, None)


def _paid_through(row: Row) -> str:
    return f"through {row['channel_code']}" if row["channel_code"] else "no channel named"


def _source(part: Branch, row: Row) -> None:
    """Where the row came from, and the line as it stands in the file."""
    where = part.add(f"{row['place']} (template {row['template'] or '?'})")
    if row.get("line_text"):
        where.add(str(row["line_text"]))
