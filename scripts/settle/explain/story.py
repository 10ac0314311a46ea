"""Turns the facts about a key into a tree of sentences. Nothing is computed here: every number is a stored one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from settle.explain.facts import Facts
from settle.explain.tree import Branch, Row, amount, money, percent

BLOCKED = {
    "not_due": "its settlement date has not come",
    "not_reconciled": "the channel's record does not agree yet (model asks for it)",
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
POOLS = {"buffer": "buffer pool 缓冲池", "error": "error pool 差错池"}


class Teller:
    """Tells one story.

    `exponents` are the currencies' decimals, `dates` the batches' accounting dates; times are shown in `zone`.
    """

    def __init__(self, exponents: Mapping[str, int], dates: Mapping[int, Any], zone: ZoneInfo) -> None:
        self.exponents = exponents
        self.dates = dates
        self.zone = zone

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
            for order in facts["orders"]:
                root.children.append(self._order(order))
        for row in facts["rejected"]:
            root.add(
                f"set aside at loading: {row['file_name']}:{row['line_no']} ({row['reason_code']}) {row['reason']}"
            )
        return root

    def _money(self, minor: int | None, currency: str | None) -> str:
        return money(minor, currency, self.exponents)

    def _amount(self, row: Row, name: str) -> str:
        return amount(row[name], row["currency"], self.exponents)

    def _time(self, stored: datetime) -> str:
        return f"{stored.replace(tzinfo=UTC).astimezone(self.zone):%Y-%m-%d %H:%M}"

    def _batch(self, batch_id: int | None) -> str:
        if batch_id is None or batch_id not in self.dates:
            return f"batch {batch_id}"
        return f"batch {batch_id} ({self.dates[batch_id]})"

    def _order(self, order: Facts) -> Branch:
        versions = order["versions"]
        if not versions:
            root = Branch(f"{order['order_no']}: no order of ours, only statement lines name it")
        else:
            last = versions[-1]
            kind = f"{last['order_type']} of {self._time(last['ordered_at'])}"
            root = Branch(f"{order['order_no']}: {kind}, {last['status']}, {_paid_through(last)}")
        self._arrival(root, order)
        self._clearing(root, order)
        part = root.add("Reconciliation 对账") if order["items"] or order["payments"] else None
        if part is not None:
            for payment in order["payments"]:
                self._payment(part, payment)
            self._items(part, order["items"], order["open_items"])
        self._settlement(root, order)
        return root

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

    def _clearing(self, root: Branch, order: Facts) -> None:
        if not order["sorted"]:
            if order["versions"]:
                root.add("Clearing 清分清算: not sorted yet; it clears when it is successful, in the next build")
            return
        part = root.add("Clearing 清分清算")
        for row in order["sorted"]:
            if row["clearing_seq"] is None:
                detail = f": {row['reason_detail']}" if row["reason_detail"] else ""
                part.add(f"{self._batch(row['batch_id'])}: could not clear, {row['reason_code']}{detail}")
                continue
            amount = self._money(row["amount_minor"], row["currency"])
            contract = f", contract {row['contract_no']}" if row["contract_no"] else ""
            cleared = part.add(
                f"line {row['line_no']} cleared in {self._batch(row['batch_id'])} as number {row['clearing_seq']}: "
                f"{row['entry_kind']}, {amount} for {row['participant_id']}, model {row['model_code']}{contract}"
            )
            for detail_row in order["details"]:
                if detail_row["clearing_seq"] == row["clearing_seq"]:
                    self._fee(cleared, detail_row, row["ordered_date"], order)

    def _fee(self, part: Branch, detail: Row, ordered_date: Any, order: Facts) -> None:
        currency = detail["currency"]
        rule = next(
            (
                rule
                for rule in order["rules"]
                if rule["rule_code"] == detail["rule_code"]
                and rule["valid_from"] <= ordered_date < rule["valid_to"]
                and (rule["currency"] or currency) == currency
            ),
            None,
        )
        how = (
            self.rule_text(rule, currency)
            if rule and detail["entry_kind"] == "new"
            else "as recorded for the original, taken back"
        )
        fee = part.add(
            f"{detail['fee_type'] or 'fee'} by rule {detail['rule_code']}: {how}; "
            f"base {self._money(detail['base_minor'], currency)} → fee {self._money(detail['fee_minor'], currency)}"
        )
        for grant in order["grants"]:
            if (grant["clearing_seq"], grant["rule_code"]) != (detail["clearing_seq"], detail["rule_code"]):
                continue
            cap = ""
            if grant["cap_minor"] is not None:
                cap = (
                    f", {self._money(grant['accumulated_minor'], currency)} of its cap "
                    f"{self._money(grant['cap_minor'], currency)} used in {grant['period_key']}"
                )
            bearer = grant["bearer"]
            if bearer == "participant":
                bearer = f"{detail['participant_id']}, the participant,"
            fee.add(f"{bearer} bears {self._money(grant['granted_minor'], currency)}{cap}")

    def rule_text(self, rule: Row, currency: str) -> str:
        """A billing rule in words: method, numbers, limits and rounding."""

        def shown(minor: int | None) -> str:
            return self._money(minor, currency)

        methods: dict[str, Callable[[], str]] = {
            "rate": lambda: f"{percent(rule['ppm'])} of the {rule['base']}",
            "fixed": lambda: f"{shown(rule['fixed_minor'])} an order line",
            "rate_plus_fixed": lambda: (
                f"{percent(rule['ppm'])} of the {rule['base']} plus {shown(rule['fixed_minor'])}"
            ),
            "graduated": lambda: f"each tier's slice of the {rule['base']} at that tier's rate",
            "volume": lambda: f"the whole {rule['base']} at the rate of the tier it falls in",
            "package": lambda: (
                f"{shown(rule['package_price_minor'])} for every started {shown(rule['package_size_minor'])} "
                f"of the {rule['base']}"
            ),
        }
        text = methods.get(rule["method"], lambda: str(rule["method"]))()
        if rule["min_minor"] is not None:
            text += f", at least {shown(rule['min_minor'])}"
        if rule["max_minor"] is not None:
            text += f", at most {shown(rule['max_minor'])}"
        return f"{text}, rounded {rule['rounding']}"

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
        cycle = next((model["cycle"] for model in order["models"] if model["model_code"] == row["model_code"]), None)
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
        return root


def _paid_through(row: Row) -> str:
    return f"through {row['channel_code']}" if row["channel_code"] else "no channel named"


def _source(part: Branch, row: Row) -> None:
    """Where the row came from, and the line as it stands in the file."""
    where = part.add(f"{row['file_name'] or 'unknown file'}:{row['file_line_no']} (template {row['template'] or '?'})")
    if row.get("line_text"):
        where.add(str(row["line_text"]))
