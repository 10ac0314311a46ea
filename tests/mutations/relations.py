"""Mistakes in the relations beside orders and channels, and who notices each."""

from __future__ import annotations

from tests.mutations.harness import Mutation

STEPS = "models/intermediate/reconciliation/int_reconciliation__"
LINES, KEYED, PAIRS, JUDGED = (
    "macros/reconciliation/settlement_lines.sql",
    STEPS + "deposits_keyed.sql",
    STEPS + "deposit_pairs.sql",
    STEPS + "items_judged.sql",
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
        "            when is_ambiguous then 'ambiguous'\n",
        "",
        "REC_GROUP_two_channels_with_one_number_are_ambiguous",
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
