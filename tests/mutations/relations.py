"""Mistakes in the relations beside orders and channels, and who notices each."""

from __future__ import annotations

from tests.mutations.harness import Mutation

STEPS = "models/intermediate/reconciliation/int_reconciliation__"
LINES, KEYED, PAIRS, JUDGED = (
    "macros/reconciliation/settlement_lines.sql",
    STEPS + "deposits_keyed.sql",
    STEPS + "deposit_pairs.sql",
    "macros/reconciliation/items_judged.sql",
)
UNPAID, UNNAMED, ASSIGNED = (
    STEPS + "batches_unpaid.sql",
    STEPS + "deposits_unnamed.sql",
    STEPS + "deposits_assigned.sql",
)
SPV_ORDERS, SPV_LINES, SPV_PAIRS, SPV_CONTROL = (
    STEPS + "spv_orders.sql",
    STEPS + "spv_lines.sql",
    STEPS + "spv_pairs.sql",
    STEPS + "spv_sides_in.sql",
)

MUTATIONS = (
    Mutation(
        "the channel owes us what it refunded",
        LINES,
        "when txn_type = 'refund' then coalesce(fee_minor, 0) - amount_minor",
        "when txn_type = 'refund' then amount_minor - coalesce(fee_minor, 0)",
        "REC_GROUP_one_deposit_for_the_lines_of_a_settlement_batch_net_of_fees",
    ),
    Mutation(
        "the channel pays out gross",
        LINES,
        "else amount_minor - coalesce(fee_minor, 0)",
        "else amount_minor",
        "REC_GROUP_one_deposit_for_the_lines_of_a_settlement_batch_net_of_fees",
    ),
    Mutation(
        "what the bank takes back counts as paid",
        KEYED,
        "case when deposits.direction = 'debit' then -deposits.amount_minor else deposits.amount_minor end",
        "deposits.amount_minor",
        "REC_GROUP_several_deposits_for_several_lines_over_days",
    ),
    Mutation(
        "of two channels the first is taken",
        KEYED,
        "case when owners.channel_count = 1 then",
        "case when owners.channel_count >= 1 then",
        "REC_GROUP_two_channels_with_one_number_are_ambiguous",
    ),
    Mutation(
        "a deposit without lines stays open when they come",
        PAIRS,
        "    where now.batch_id is null\n",
        "    where false\n",
        "REC_GROUP_a_deposit_before_its_lines_is_nobodys_until_they_come",
    ),
    Mutation(
        "only the lines of the day stand against a deposit",
        PAIRS,
        "lines.batch_id between channels.first_batch_id and {{ batch_id() }}",
        "lines.batch_id = {{ batch_id() }}",
        "REC_GROUP_several_deposits_for_several_lines_over_days",
    ),
    Mutation(
        "ambiguous passes as unknown",
        JUDGED,
        "        when is_ambiguous then 'ambiguous'\n",
        "",
        "REC_GROUP_two_channels_with_one_number_are_ambiguous",
    ),
    Mutation(
        "an entry is given to every channel that could claim it",
        ASSIGNED,
        "claimed.finding = 'paired' and claimed.claim_count = 1",
        "claimed.finding = 'paired'",
        "REC_DEPOSIT_what_two_channels_could_claim_is_nobodys",
    ),
    Mutation(
        "an entry on any account will do",
        ASSIGNED,
        "coalesce(scopes.account_no, deposits_open.account_no) = deposits_open.account_no",
        "deposits_open.account_no is not null",
        "REC_DEPOSIT_one_unit_one_day_or_something_else_over",
    ),
    Mutation(
        "a settlement batch that is paid is paid again",
        UNPAID,
        "owned.net_minor <> 0 and paid.currency is null",
        "owned.net_minor <> 0",
        "REC_DEPOSIT_what_comes_later_under_the_number_is_added_up",
    ),
    Mutation(
        "a settlement batch is looked for for ever",
        UNPAID,
        "rules.date_window_days + rules.buffer_days as days_looked_for",
        "rules.date_window_days + rules.buffer_days + 9 as days_looked_for",
        "REC_DEPOSIT_it_is_not_looked_for_for_ever",
    ),
    Mutation(
        "what the bank takes counts as what it pays",
        UNNAMED,
        "case when deposits.direction = 'debit' then -deposits.amount_minor else deposits.amount_minor end",
        "deposits.amount_minor",
        "REC_DEPOSIT_an_entry_without_a_number_gets_that_of_its_settlement_batch",
    ),
    Mutation(
        "an assigned entry counts from the day it came",
        KEYED,
        "coalesce(assigned.batch_id, deposits.batch_id) as batch_id",
        "deposits.batch_id",
        "REC_DEPOSIT_between_equals_nothing_is_assigned_until_one_is_paid",
    ),
    Mutation(
        "what a tolerance let pass is let pass again with every change",
        STEPS + "items_moved.sql",
        "case when previous_currency = currency then was_absorbed_minor else 0 end",
        "0",
        "REC_TOLERANCE_what_is_absorbed_is_in_the_totals",
    ),
    Mutation(
        "who pays in the borrower's place has not repaid",
        SPV_ORDERS,
        "case when orders.order_type = 'compensation' then 'repayment' else orders.order_type end as report_kind",
        "orders.order_type as report_kind",
        "REC_SPV_each_result_of_an_spv",
    ),
    Mutation(
        "an SPV confirms orders of the same day only",
        SPV_ORDERS,
        "orders.batch_id <= {{ batch_id() }} and orders.order_no in",
        "orders.batch_id = {{ batch_id() }} and orders.order_no in",
        "REC_SPV_the_first_report_comes_the_day_after_the_orders",
    ),
    Mutation(
        "what an SPV failed to book counts as booked",
        SPV_LINES,
        "        and lines.status = 'success'\n",
        "",
        "REC_SPV_each_result_of_an_spv",
    ),
    Mutation(
        "lines of an SPV never add up",
        SPV_LINES,
        "coalesce(rules.statement_grouping, 'single') as grouping_rule",
        "'single' as grouping_rule",
        "REC_SPV_lines_add_up_where_the_rule_says_so",
    ),
    Mutation(
        "one SPV answers for another",
        SPV_PAIRS,
        "lines.spv_code = orders.spv_code and lines.order_no = orders.order_no",
        "lines.order_no = orders.order_no",
        "REC_SPV_another_spv_answers_for_itself",
    ),
    Mutation(
        "an order that left its SPV stays open",
        SPV_PAIRS,
        "    where now.batch_id is null\n",
        "    where false\n",
        "REC_SPV_the_order_late_the_line_late_a_higher_version",
    ),
    Mutation(
        "a higher version is counted beside the lower one",
        SPV_CONTROL,
        "where place = 1 and is_order_successful",
        "where false",
        "REC_SPV_the_order_late_the_line_late_a_higher_version",
    ),
)
