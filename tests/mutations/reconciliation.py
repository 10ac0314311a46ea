"""Mistakes in the models of reconciliation, in the order in which an item takes them, and who notices each."""

from __future__ import annotations

from tests.mutations.harness import Mutation

STEPS = "models/intermediate/reconciliation/int_reconciliation__"
SIDES, PAIRS, JUDGED, NOW, ITEMS = (
    STEPS + "sides_touched.sql",
    STEPS + "pairs.sql",
    "macros/reconciliation/items_judged.sql",
    "macros/reconciliation/items_now.sql",
    "macros/reconciliation/items_pooled.sql",
)

PAIRING = (
    Mutation(
        "a failed line takes part",
        STEPS + "lines_looked_at.sql",
        "batch_id <= {{ batch_id() }} and status = 'success'\n",
        "batch_id <= {{ batch_id() }}\n",
        "REC_RESULT_only_successful_lines_take_part",
    ),
    Mutation(
        "two lines are added up where only one counts",
        SIDES,
        "where line_count > 1 and statement_grouping = 'single'",
        "where line_count > 2 and statement_grouping = 'single'",
        "REC_SINGLE_a_second_line_is_a_duplicate",
    ),
    Mutation(
        "lines of several currencies have the first one's",
        SIDES,
        "case when line_sums.currency = line_sums.other_currency then line_sums.currency else '' end as currency",
        "line_sums.currency as currency",
        "REC_SUM_lines_of_two_currencies_have_no_sum",
    ),
    Mutation(
        "channels use no number twice",
        SIDES,
        "            when item_channel_code = '' then channel_code || '|' || channel_txn_no\n",
        "",
        "REC_CHANNEL_two_channels_use_the_same_number",
    ),
    Mutation(
        "an order without a channel takes no lines",
        SIDES,
        "case when any_channel.order_no is null then lines.channel_code else '' end",
        "lines.channel_code",
        "REC_CHANNEL_an_order_without_a_channel_takes_the_lines_of_all",
    ),
    Mutation(
        "a channel without a rule adds up",
        STEPS + "statements_touched.sql",
        "coalesce(rules.statement_grouping, 'single')",
        "coalesce(rules.statement_grouping, 'sum')",
        "REC_SINGLE_a_second_line_is_a_duplicate",
    ),
    Mutation(
        "what came before an order and its line is not remembered",
        STEPS + "numbers_looked_at.sql",
        " or heard_of_before.order_no is not null then null",
        " then null",
        "REC_PLAIN_what_looks_plain_and_is_not",
    ),
    Mutation(
        "a refund line is plain beside a payment",
        STEPS + "numbers_looked_at.sql",
        " and orders.direction = lines.direction, false",
        ", false",
        "REC_PLAIN_what_looks_plain_and_is_not",
    ),
    Mutation(
        "two lines that are equal to the order are plain",
        STEPS + "numbers_looked_at.sql",
        "having count(*) > 1",
        "having count(*) > 2",
        "REC_SINGLE_a_second_line_is_a_duplicate",
    ),
    Mutation(
        "the header counts before the lines",
        STEPS + "orders_touched.sql",
        "when line_sums.order_no is null then orders_seen.header_amount",
        "when orders_seen.header_amount is not null then orders_seen.header_amount",
        "REC_SUM_lines_of_the_order_against_lines_of_the_statement",
    ),
    Mutation(
        "the channel is forgotten",
        PAIRS,
        "sides.channel_code = orders.channel_code\n            and sides.order_no = orders.order_no",
        "sides.order_no = orders.order_no",
        "REC_CHANNEL_an_order_with_a_channel_takes_that_ones_only",
    ),
    Mutation(
        "the direction is forgotten",
        PAIRS,
        "            and sides.direction = orders.direction\n",
        "",
        "REC_RESULT_a_line_of_the_other_direction_is_not_the_orders",
    ),
    Mutation(
        "a failed order is filled",
        PAIRS,
        "paired.order_status = 'pending'",
        "paired.order_status <> 'success'",
        "REC_FILL_theirs_paid_ours_pending_equal_to_the_unit",
    ),
    Mutation(
        "an order is filled with nearly its amount",
        PAIRS,
        "and coalesce(paired.order_minor = paired.statement_minor, false)",
        "and coalesce(abs(paired.order_minor - paired.statement_minor) <= rules.amount_tolerance_minor, false)",
        "REC_FILL_theirs_paid_ours_pending_equal_to_the_unit",
    ),
    Mutation(
        "what comes late is a plain match",
        PAIRS,
        "filled.is_first_seen and filled.order_status = 'success'",
        "filled.order_status = 'success'",
        "REC_LATE_the_line_comes_a_day_later",
    ),
    Mutation(
        "a plain match asks for no fee",
        PAIRS,
        "and (filled.statement_fee_minor is null or (select channel_fees.rule_count from channel_fees) = 0)",
        "",
        "REC_PLAIN_where_a_fee_is_expected_equal_amounts_are_not_enough",
    ),
)

JUDGING = (
    Mutation(
        "currencies are not compared",
        JUDGED,
        "        when is_other_currency then 'currency_mismatch'\n",
        "",
        "REC_RESULT_currency_before_status_before_amount",
    ),
    Mutation(
        "the amount is judged before the status",
        JUDGED,
        "when not is_order_successful then 'status_mismatch'",
        "when not is_order_successful and order_minor = statement_minor then 'status_mismatch'",
        "REC_RESULT_currency_before_status_before_amount",
    ),
    Mutation(
        "exactly the tolerance is too much",
        JUDGED,
        "abs(statement_minor - order_minor) > amount_tolerance_minor",
        "abs(statement_minor - order_minor) >= amount_tolerance_minor",
        "REC_TOLERANCE_at_the_tolerance_and_one_unit_over",
    ),
    Mutation(
        "a surplus is no difference",
        JUDGED,
        "abs(statement_minor - order_minor) > amount_tolerance_minor",
        "order_minor - statement_minor > amount_tolerance_minor",
        "REC_RESULT_amounts_differ_by_one_unit",
    ),
    Mutation(
        "only a fee that is too high is wrong",
        JUDGED,
        "when statement_fee_minor <> expected_fee_minor then 'fee_mismatch'",
        "when statement_fee_minor > expected_fee_minor then 'fee_mismatch'",
        "REC_PLAIN_where_a_fee_is_expected_equal_amounts_are_not_enough",
    ),
    Mutation(
        "an amount that is not there differs from none",
        JUDGED,
        "has_statement and {{ differs('statement_minor', 'order_minor') }} then 'amount'",
        "has_statement and statement_minor <> order_minor then 'amount'",
        "REC_RESULT_lines_that_are_whole_only_together_have_an_amount",
    ),
    Mutation(
        "a further line is judged as if it were alone",
        JUDGED,
        "        when is_further_line and has_statement then 'duplicate_channel'\n",
        "",
        "REC_SINGLE_a_second_line_is_a_duplicate",
    ),
)

KEEPING = (
    Mutation(
        "what waits is found in any channel",
        NOW,
        "before.relation = judged.relation and before.channel_code = judged.channel_code",
        "before.relation = judged.relation",
        "REC_KNOWN_late_then_regressed",
    ),
    Mutation(
        "what comes late matches whatever its amount",
        NOW,
        "            else judged.finding\n        end as result",
        "            when judged.finding = 'amount_mismatch' and before.is_open then 'matched_late'\n"
        "            else judged.finding\n        end as result",
        "REC_LATE_the_line_comes_a_day_later",
    ),
    Mutation(
        "one day less in the buffer",
        ITEMS,
        "opened_date <= buffer_days",
        "opened_date < buffer_days",
        "REC_BUFFER_three_days_in_the_buffer_four_in_error",
    ),
    Mutation(
        "what breaks again is as old as its match",
        NOW,
        "case when before.is_open then before.opened_batch_id",
        "case when before.order_no is not null then before.opened_batch_id",
        "REC_REGRESSED_matched_broken_mended_broken_again",
    ),
    Mutation(
        "the difference is ours less theirs",
        ITEMS,
        "coalesce(right_minor, 0) - coalesce(left_minor, 0) end",
        "coalesce(left_minor, 0) - coalesce(right_minor, 0) end",
        "REC_RESULT_amounts_differ_by_one_unit",
    ),
    Mutation(
        "whatever is open has regressed",
        ITEMS,
        "was_matched and not (is_taken_back and is_as_before) and pool <> 'none' as is_regressed",
        "pool <> 'none' as is_regressed",
        "REC_REGRESSED_never_matched_is_not_regressed",
    ),
    Mutation(
        "the fee is forgotten overnight",
        NOW,
        "case when judged.order_no is null then before.left_fee_minor else judged.left_fee_minor end",
        "judged.left_fee_minor",
        "REC_OPEN_who_does_what_about_what_differs",
    ),
    Mutation(
        "what is tolerated is not told",
        NOW,
        "            when judged.finding = 'within_tolerance' then 'tolerance'\n",
        "",
        "REC_TOLERANCE_at_the_tolerance_and_one_unit_over",
    ),
)

TOTALS = (
    Mutation(
        "pools open as they close",
        STEPS + "items_moved.sql",
        "coalesce(previous_pool, 'none') as pool_before",
        "pool as pool_before",
        "REC_TOTAL_both_pools_roll_forward",
    ),
    Mutation(
        "a version that is replaced counts twice",
        STEPS + "orders_in.sql",
        "replaced.header_minor, -1",
        "replaced.header_minor, 1",
        "invariant reconciliation_totals_explained",
    ),
)

SHOWN = (
    Mutation(
        "the day it opened counts as a day",
        "models/marts/reconciliation/fct_open_items.sql",
        "days_now.business_days_so_far - days_opened.business_days_so_far",
        "days_now.business_days_so_far - days_opened.business_days_so_far + 1",
        "REC_OPEN_calendar_days_and_business_days",
    ),
    Mutation(
        "cents lose their zero",
        "macros/money/money_text.sql",
        "                    '.' || lpad(\n"
        "                        cast(mod(abs({{ minor }}), {{ minor_per_major }}) as {{ dbt.type_string() }}), "
        "cast({{ exponent }} as integer), '0'\n"
        "                    )",
        "                    '.' || cast(mod(abs({{ minor }}), {{ minor_per_major }}) as {{ dbt.type_string() }})",
        "REC_OPEN_who_does_what_about_what_differs",
    ),
)

DECIDING = (
    Mutation(
        "what a decision closed opens as soon as somebody looks",
        ITEMS,
        "or is_closed_now or (is_closed_by_decision and not is_taken_back)",
        "or is_closed_now",
        "REC_DECIDE_what_was_levelled_out_and_changes_is_judged_again",
    ),
    Mutation(
        "a decision outlives what it was about",
        ITEMS,
        " and items_now.was_open and items_now.is_as_before\n",
        " and items_now.was_open\n",
        "REC_DECIDE_a_decision_lapses_where_the_item_changes_in_its_batch",
    ),
    Mutation(
        "half of a write-off is written off",
        ITEMS,
        "    having count(*) = decisions_due.item_count\n",
        "",
        "REC_DECIDE_a_decision_lapses_where_the_item_changes_in_its_batch",
    ),
    Mutation(
        "a line that was assigned is not given back",
        STEPS + "lines_moved.sql",
        "when coalesce(ends_in_batch_id, {{ batch_id() }} + 1) > {{ batch_id() }} then decision_seq",
        "when ends_in_batch_id > 0 or ends_in_batch_id is null then decision_seq",
        "REC_DECIDE_a_decision_that_is_taken_back_opens_what_it_closed",
    ),
    Mutation(
        "a line that was assigned counts under both numbers",
        STEPS + "statements_touched.sql",
        "where lines_moved.channel_code is null and lines.order_no",
        "where lines.order_no",
        "REC_DECIDE_a_line_that_is_reassigned_is_the_other_orders_line",
    ),
    Mutation(
        "a line without a number is lost when it is given back",
        SIDES,
        "where order_no is null and order_no_before is not null",
        "where order_no is null and order_no_before is null",
        "REC_DECIDE_a_line_without_a_number_that_is_given_back_stands_alone_again",
    ),
    Mutation(
        "whatever is opened again has no line any more",
        STEPS + "items_left.sql",
        "where is_moving_a_line",
        "where action in ('reassign', 'reopen')",
        "REC_DECIDE_a_line_without_a_number_is_open_again_once_its_level_out_is_taken_back",
    ),
    Mutation(
        "an assigned line stays in the totals of its channel",
        STEPS + "lines_in.sql",
        "now.order_no = moved.order_no and now.direction = moved.direction",
        "now.order_no = moved.order_no_before and now.direction = moved.direction",
        "invariant reconciliation_totals_explained",
    ),
    Mutation(
        "only the channel's rule fills",
        PAIRS,
        "(coalesce(rules.auto_fill, false) or fills_decided.order_no is not null)",
        "coalesce(rules.auto_fill, false)",
        "REC_DECIDE_a_pending_order_is_filled_by_a_decision",
    ),
    Mutation(
        "a decision makes the match rate worse",
        "models/marts/reconciliation/rpt_reconciliation_measures.sql",
        "totals.told_count - coalesce(items.closed_unequal_count, 0) as judged_count",
        "totals.told_count as judged_count",
        "REC_DECIDE_a_level_out_closes_the_item_and_keeps_its_difference",
    ),
    Mutation(
        "what is taken back is booked again",
        "models/marts/reconciliation/fct_reconciliation_decisions.sql",
        "when undone.action in ('level_out', 'write_off_match') then -1",
        "when undone.action in ('level_out', 'write_off_match') then 1",
        "REC_DECIDE_a_decision_that_is_taken_back_opens_what_it_closed",
    ),
)

SUGGESTED = "models/marts/reconciliation/fct_suggested_matches.sql"
SUGGESTING = (
    Mutation(
        "a line is suggested to all that want it",
        SUGGESTED,
        "is_best_of_left and is_best_of_right and may_be_new",
        "is_best_of_left and may_be_new",
        "REC_SUGGEST_the_nearer_of_two",
    ),
    Mutation(
        "luck chooses between equals",
        SUGGESTED,
        "lead(score) over of_left < score",
        "lead(score) over of_left <= score",
        "REC_SUGGEST_between_equals_nothing_is_suggested",
    ),
    Mutation(
        "what is suggested is said again",
        SUGGESTED,
        "where earlier.batch_id is null",
        "where true",
        "REC_SUGGEST_same_amount_same_day_and_said_once",
    ),
    Mutation(
        "what is gone frees nobody",
        STEPS + "items_alone.sql",
        "and (is_open or was_open)",
        "and is_open",
        "REC_SUGGEST_the_second_best_when_the_best_is_gone",
    ),
    Mutation(
        "an order without a channel has no lines to choose from",
        STEPS + "items_alone.sql",
        "select items.*, 'right', '', right_minor from items",
        "select items.*, 'right', channel_code || '?', right_minor from items",
        "REC_SUGGEST_an_order_without_a_channel_and_a_line_of_any",
    ),
    Mutation(
        "a crowd is looked at",
        STEPS + "counterparts_scored.sql",
        "few.rights_near <= 10",
        "few.rights_near <= 11",
        "REC_SUGGEST_eleven_are_not",
    ),
    Mutation(
        "a day costs nothing",
        "macros/reconciliation/text_likeness.sql",
        "200 * (' ~ date_window_days ~ ' + 1 - abs(' ~ days_apart ~ '))'",
        "200 * (' ~ date_window_days ~ ' + 1)'",
        "REC_SUGGEST_at_the_limits_of_tolerance_and_window",
    ),
    Mutation(
        "a version that is replaced is a twin",
        STEPS + "own_duplicates.sql",
        "where own.order_no is null and other.order_no is null",
        "where own.order_no is null",
        "REC_SUGGEST_a_version_that_is_replaced_is_no_twin",
    ),
    Mutation(
        "an open order is a twin",
        STEPS + "own_duplicates.sql",
        " and open_payments.order_no is null",
        "",
        "REC_SUGGEST_no_twin_where_two_are_as_near_or_none_is_matched",
    ),
)

CONTROLLING = (
    Mutation(
        "refunds are no part of what cleared",
        STEPS + "controls_of_books.sql",
        "case when entry_kind = 'new' then amount_minor else -amount_minor end",
        "case when entry_kind = 'new' then amount_minor else 0 end",
        "REC_CONTROLS_fees_and_their_shares_with_a_refund",
    ),
    Mutation(
        "the buffer is not reported",
        "models/marts/reconciliation/rpt_daily_controls.sql",
        "coalesce(totals.buffer_closing_minor + totals.error_closing_minor, 0)",
        "coalesce(totals.error_closing_minor, 0)",
        "REC_CONTROLS_books_agree_and_money_differs_by_what_is_open",
    ),
)

MUTATIONS = (*PAIRING, *JUDGING, *KEEPING, *DECIDING, *TOTALS, *SHOWN, *SUGGESTING, *CONTROLLING)
