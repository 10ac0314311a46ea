"""How an order cleared, as a part of its explanation: lines, fees, who bears them, and what resets changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from settle.explain.bearing import Bearing
from settle.explain.figures import Figures
from settle.explain.pricing import (
    TIERED,
    base_text,
    is_changed,
    price_text,
    rule_name,
    rule_text,
    step_texts,
    tiers_text,
)
from settle.explain.recorded import Facts
from settle.explain.replaced import Replacement, replacement
from settle.explain.tree import Branch, Row

COMBINATIONS = {
    "bill": "billed, nothing shared",
    "allocate": "the amount is shared, nothing billed",
    "allocate_bill": "the amount is shared, each share billed",
}


class Clearing:
    """Tells the clearing of one order: `order` holds what `clearing_facts` found, and the versions that arrived."""

    def __init__(self, figures: Figures, order: Facts) -> None:
        self.figures = figures
        self.order = order
        self.rules = {row["rule_key"]: row for row in order["rules"]}
        self.lines = {row["clearing_seq"]: row for row in [*order["originals"], *order["sorted"]]}
        self.fees = {row["fee_no"]: row for row in [*order["other_fees"], *order["details"]]}

    def add(self, root: Branch) -> None:
        """Put the part beneath the order's branch, if there is anything to tell."""
        order = self.order
        resets = [reset for reset in order["resets"] if reset["sorted"]]
        if not order["sorted"] and not resets:
            if order["versions"]:
                root.add("Clearing 清分清算: not sorted yet; it clears when it is successful, in the next build")
            return
        part = root.add("Clearing 清分清算")
        for row in order["sorted"]:
            if row["clearing_seq"] is None:
                part.add(_excepted(self.figures, row))
                continue
            line = part.add(self._line(row, order["sorted"]))
            self._takes_back(line, row)
            self._details(line, row)
            self._taken_back(line, row)
        for reset in resets:
            self._reset(part, reset)

    def _line(self, row: Row, lines: Sequence[Row]) -> str:
        amount = self.figures.money(row["amount_minor"], row["currency"])
        contract = f", contract {row['contract_no']}" if row["contract_no"] else ""
        combination = COMBINATIONS.get(row["combination"] or "")
        # Where lines of several versions have cleared, each says of which it is.
        versions = {line["order_version"] for line in lines if line["clearing_seq"] is not None}
        version = f" of version {row['order_version']}" if len(versions) > 1 else ""
        return (
            f"line {row['line_no']}{version} cleared in {self.figures.batch(row['batch_id'])} "
            f"as number {row['clearing_seq']}: "
            f"{row['entry_kind']}, {amount} for {row['participant_id']}, model {row['model_code']}"
            f"{f' ({combination})' if combination else ''}{contract}"
        )

    def _takes_back(self, part: Branch, row: Row) -> None:
        """Of a refund or reversal, the line that it takes back from."""
        original = self.lines.get(row["original_clearing_seq"])
        if original is None:
            return
        where = (
            f"{original['order_no']} line {original['line_no']} (version {original['order_version']}, "
            f"number {original['clearing_seq']}, {self.figures.batch(original['batch_id'])})"
        )
        if row["entry_kind"] != "refund":
            part.add(f"takes back the whole of {where}")
            return
        so_far = sum(
            other["amount_minor"]
            for other in self.order["taken_back"]
            if other["original_clearing_seq"] == row["original_clearing_seq"]
            and other["entry_kind"] == "refund"
            and other["clearing_seq"] <= row["clearing_seq"]
        )
        currency = row["currency"]
        part.add(
            f"takes back from {where}: {self.figures.bare(so_far, currency)} of "
            f"{self.figures.money(original['amount_minor'], currency)} are refunded with it"
        )

    def _details(self, part: Branch, row: Row) -> None:
        for detail in self.order["details"]:
            if detail["clearing_seq"] != row["clearing_seq"]:
                continue
            steps = [step for step in self.order["computations"] if step["fee_no"] == detail["fee_no"]]
            fee = part.add(self._fee(detail, steps, row, self.fees))
            for text in step_texts(self.figures, [step for step in steps if not step["bearer"]], detail["currency"]):
                fee.add(text)
            if any(step["bearer"] for step in steps):
                self._share_fees(fee, detail, steps)
            else:
                grants = [
                    grant
                    for grant in self.order["grants"]
                    if (grant["clearing_seq"], grant["rule_code"]) == (detail["clearing_seq"], detail["rule_code"])
                ]
                Bearing(self.figures, detail["participant_id"], detail["currency"]).add(fee, grants)
            self._in_contract_currency(fee, detail)

    def _fee(self, detail: Row, steps: Sequence[Row], line: Row, originals: Mapping[int, Row]) -> str:
        """A fee in one line. `originals` are the fees that it may take back from, by number."""
        currency = detail["currency"]
        rule = self.rules.get(detail["rule_key"])
        if rule is not None and rule["is_split"]:
            amount = self.figures.money(abs(detail["fee_minor"]), currency)
            if detail["original_fee_no"] is not None:
                return f"the amount itself, taken back from those who share it: {amount}"
            return f"the amount itself, shared by allocation rule {detail['rule_code']}: {amount}"
        changed = rule is not None and is_changed(
            rule, self.order["configured_rules"], detail["ordered_date"], currency
        )
        # Of what is taken back, the date is not the one that chose the version.
        name = rule_name(rule, changed and detail["original_fee_no"] is None) if rule else detail["rule_code"]
        head = f"{detail['fee_type'] or 'fee'} by rule {name}"
        base = base_text(self.figures, detail, rule, currency)
        if detail["original_fee_no"] is not None:
            return f"{head}, as recorded for the original: {base} → {self._given_back(detail, rule, originals)}"
        on_shares = line["combination"] == "allocate_bill"
        how = rule_text(self.figures, rule, currency, "a share" if on_shares else "an order line") if rule else "?"
        price = price_text(self.figures, [] if on_shares else steps, detail["fee_minor"], currency)
        return f"{head}{', on each share' if on_shares else ''}: {how}; {base} → {price}"

    def _given_back(self, detail: Row, rule: Row | None, originals: Mapping[int, Row]) -> str:
        """The fee of a refund or reversal, of what, and what had been given back before."""
        currency = detail["currency"]
        text = f"fee {self.figures.money(detail['fee_minor'], currency)}"
        original = originals.get(detail["original_fee_no"])
        if original is None:
            return text
        if detail["entry_kind"] == "refund" and rule is not None and not rule["refund_fee"]:
            return f"{text}, the rule gives nothing back"
        text += f" of {self.figures.money(original['fee_minor'], currency)}"
        before = -sum(
            fee["fee_minor"]
            for fee in self.order["other_fees"]
            if fee["original_fee_no"] == detail["original_fee_no"] and fee["fee_no"] < detail["fee_no"]
        )
        return f"{text}, {self.figures.money(before, currency)} given back before" if before else text

    def _share_fees(self, part: Branch, detail: Row, steps: Sequence[Row]) -> None:
        """The fee on each share of an amount, under whose share was split."""
        bearing = Bearing(self.figures, detail["participant_id"], detail["currency"])
        rule = self.rules.get(detail["rule_key"])
        parents: dict[str, Branch] = {"": part}
        for key in dict.fromkeys((step["parent_bearer"], step["bearer"]) for step in steps):
            parent, bearer = key
            own = [step for step in steps if (step["parent_bearer"], step["bearer"]) == key]
            if parent not in parents:
                parents[parent] = part.add(f"of the share of {bearing.name(parent)}")
            base = base_text(self.figures, own[0], rule, detail["currency"])
            price = price_text(self.figures, own, own[0]["fee_minor"], detail["currency"])
            share = parents[parent].add(f"{bearing.name(bearer)}: {base} → {price}")
            for text in step_texts(self.figures, own, detail["currency"]):
                share.add(text)

    def _in_contract_currency(self, part: Branch, detail: Row) -> None:
        other = detail["contract_currency"]
        if not other or other == detail["currency"]:
            return
        if detail["fx_rate"] is None:
            part.add(f"in the contract's currency {other}: no rate was known")
            return
        part.add(
            f"in the contract's currency: base {self.figures.money(detail['contract_base_minor'], other)}, "
            f"fee {self.figures.money(detail['contract_fee_minor'], other)}, "
            f"by the rate {detail['fx_rate']} of {detail['fx_rate_date']}"
        )

    def _taken_back(self, part: Branch, row: Row) -> None:
        """At an original, what has taken it back since."""
        for other in self.order["taken_back"]:
            if other["original_clearing_seq"] != row["clearing_seq"]:
                continue
            if other["entry_kind"] == "refund":
                who = f"refund {other['order_no']} line {other['line_no']}"
            else:
                # The highest version that came in the batch is the one that corrected the order.
                came = [version for version in self.order["versions"] if version["batch_id"] == other["batch_id"]]
                cause = f", corrected by version {max(version['version'] for version in came)}" if came else ""
                who = f"the reversal of version {other['order_version']}{cause}"
            fees = [fee for fee in self.order["other_fees"] if fee["clearing_seq"] == other["clearing_seq"]]
            part.add(
                f"taken back by {who}, number {other['clearing_seq']} in {self.figures.batch(other['batch_id'])}: "
                f"{self.figures.money(other['amount_minor'], other['currency'])}{self._fees_back(fees)}"
            )

    def _fees_back(self, fees: Sequence[Row]) -> str:
        # At place 0 stands the split of the amount itself, which is no fee.
        billed = [fee for fee in fees if fee["original_fee_no"] is not None and fee["original_fee_no"] % 100 != 0]
        told = [f"{fee['rule_code']} {self.figures.money(-fee['fee_minor'], fee['currency'])}" for fee in billed]
        if len(billed) == 1:
            return f", fee {self.figures.money(-billed[0]['fee_minor'], billed[0]['currency'])}"
        return f", fees {', '.join(told)}" if told else ""

    def _reset(self, part: Branch, reset: Facts) -> None:
        """What a reset superseded of this order, and what has replaced it."""
        why = f": {reset['reason']}" if reset["reason"] else ""
        told = (
            f"superseded by reset {reset['reset_no']} of {self.figures.time(reset['reset_at'])}, from batch "
            f"{reset['from_batch_id']} to {reset['up_to_batch_id']}, by {reset['reset_by']}{why}"
        )
        found = replacement(self.order["resets"], reset, self.order)
        if found.is_same:
            part.add(f"{told}; cleared again with the same outcome")
            return
        branch = part.add(told)
        for row in reset["sorted"]:
            if row["clearing_seq"] is None:
                branch.add(_excepted(self.figures, row))
                continue
            line = branch.add(self._line(row, reset["sorted"]))
            if row["original_order_no"] and row["original_order_no"] != row["order_no"]:
                line.add(f"takes back from {row['original_order_no']}")
            for detail in reset["details"]:
                if detail["clearing_seq"] == row["clearing_seq"]:
                    self._superseded(line, detail, row, reset, found)
        for detail in found.added:
            fee = self.figures.money(detail["fee_minor"], detail["currency"])
            branch.add(f"new since: {detail['fee_type'] or 'fee'} by rule {detail['rule_code']}, fee {fee}")
        waiting = sorted({row["batch_id"] for row in reset["sorted"]} & set(reset["waiting_batches"]))
        if waiting:
            branch.add(f"not cleared again yet (batch {', '.join(map(str, waiting))}): settle run")

    def _superseded(self, part: Branch, detail: Row, line: Row, reset: Facts, found: Replacement) -> None:
        # RESET-KEPT: numbers were given again, so no fee that holds now is the original of one that was superseded.
        fee = part.add(self._fee(detail, [], line, {}))
        rule = self.rules.get(detail["rule_key"])
        if rule is not None and rule["method"] in TIERED and detail["original_fee_no"] is None:
            tiers = [
                tier
                for tier in reset["tiers"]
                if (tier["batch_id"], tier["rule_code"]) == (detail["batch_id"], detail["rule_code"])
                and tier["set_from"] <= detail["ordered_date"] < tier["set_to"]
            ]
            fee.add(tiers_text(self.figures, tiers, detail["currency"]))
        grants = [
            grant
            for grant in reset["grants"]
            if (grant["clearing_seq"], grant["rule_code"]) == (detail["clearing_seq"], detail["rule_code"])
        ]
        Bearing(self.figures, detail["participant_id"], detail["currency"]).add(fee, grants)
        after = found.of(detail)
        if after is None:
            if detail["batch_id"] not in reset["waiting_batches"]:
                fee.add("replaced by nothing")
            return
        until = f", until reset {after.reset_no}" if after.reset_no is not None else ""
        if after.is_same:
            fee.add(f"cleared again to the same{until}")
        elif after.has_same_worth:
            fee.add(f"replaced by the same fee, borne otherwise{until}")
        else:
            money = self.figures.money(after.detail["fee_minor"], detail["currency"])
            fee.add(f"replaced by a fee of {money} in {self.figures.batch(after.detail['batch_id'])}{until}")


def _excepted(figures: Figures, row: dict[str, Any] | Row) -> str:
    detail = f": {row['reason_detail']}" if row["reason_detail"] else ""
    return f"{figures.batch(row['batch_id'])}: could not clear, {row['reason_code']}{detail}"
