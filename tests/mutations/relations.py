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
)
