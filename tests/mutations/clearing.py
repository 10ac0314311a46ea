"""Mistakes in the models and macros of clearing, in the order in which money takes them, and who notices each."""

from __future__ import annotations

from tests.mutations.harness import Mutation

STEPS = "models/intermediate/clearing/int_clearing__"
ALLOCATION, ALLOCATION_STEPS = "macros/money/allocation.sql", "macros/money/allocation_steps.sql"
RELEASES, FEE = "macros/money/releases.sql", "macros/money/fee.sql"

SORTING = (
    Mutation(
        "a missing reason counts as equal to any",
        "macros/cross_db/compare.sql",
        "({{ left }} is distinct from {{ right }})",
        "coalesce({{ left }} <> {{ right }}, false)",
        "SORT_REASON_unknown_product",
    ),
    Mutation(
        "an amount of nothing is an amount",
        STEPS + "lines_judged.sql",
        "amount_minor is null or amount_minor <= 0",
        "amount_minor is null or amount_minor < 0",
        "SORT_REASON_bad_amount_from_zero_down",
    ),
    Mutation(
        "the largest priority wins",
        STEPS + "cases_resolved.sql",
        "order by models.priority",
        "order by models.priority desc",
        "SORT_MODEL_smallest_priority_wins",
    ),
    Mutation(
        "a model holds on the day it ends",
        STEPS + "cases_resolved.sql",
        "cases.ordered_date < models.valid_to",
        "cases.ordered_date <= models.valid_to",
        "SORT_MODEL_valid_to_is_the_first_day_without",
    ),
    Mutation(
        "orders of one time from Z to A",
        STEPS + "lines_sorted.sql",
        "{{ bytewise('lines.order_no') }}, lines.line_no",
        "{{ bytewise('lines.order_no') }} desc, lines.line_no",
        "SORT_SEQ_text_is_ordered_by_its_bytes",
    ),
    Mutation(
        "within an hour the time plays no part",
        STEPS + "lines_sorted.sql",
        "order by case when lines.is_ordered then lines.ordered_at end, ",
        "order by ",
        "SORT_SEQ_within_an_hour_by_time_not_by_name",
    ),
    Mutation(
        "models without order are numbered by time",
        STEPS + "lines_sorted.sql",
        "order by case when lines.is_ordered then lines.ordered_at end, ",
        "order by lines.ordered_at, ",
        "worlds clearing.fct_clearing_details",
    ),
    Mutation(
        "numbering forgets that a reversal stands first",
        STEPS + "lines_sorted.sql",
        "case when entry_kind = 'reversal' then 0 else 1 end, line_no",
        "line_no",
        "CORR_REVERSE_all_lines_of_the_order",
    ),
    Mutation(
        "the first version counts",
        STEPS + "highest_versions.sql",
        "max(order_version) as order_version",
        "min(order_version) as order_version",
        "SORT_RETRY_closed_by_a_higher_version",
    ),
)

CORRECTIONS = (
    Mutation(
        "what was taken back is taken back again",
        STEPS + "adjustments.sql",
        "batch_id < {{ batch_id() }} and entry_kind = 'reversal'",
        "batch_id < 0 and entry_kind = 'reversal'",
        "CORR_LIVE_only_what_no_reversal_has_taken_back",
    ),
    Mutation(
        "a refunded order is corrected all the same",
        STEPS + "corrections.sql",
        "orders_cleared.is_live and not orders_cleared.is_refunded",
        "orders_cleared.is_live",
        "CORR_REFUSED_after_a_refund_no_version_corrects",
    ),
    Mutation(
        "a reversal keeps its sign",
        STEPS + "refunds_billed.sql",
        "when lines.entry_kind = 'reversal' then originals.fee_minor",
        "when lines.entry_kind = 'reversal' then -originals.fee_minor",
        "CORR_REVERSE_taken_back_from_one_cleared_anew_for_another",
    ),
    Mutation(
        "a reversal asks the rule whether fees are given back",
        STEPS + "refunds_billed.sql",
        "            when lines.entry_kind = 'reversal' then originals.fee_minor\n",
        "",
        "CORR_AMOUNTS_as_recorded_whatever_the_rule_says_today",
    ),
    Mutation(
        "a reversal releases its grants at either level",
        RELEASES,
        "on bearers.bearer_no = grants.bearer_no and bearers.allocation_level = {{ level }}\n    where fees.entry_kind",
        "on bearers.bearer_no = grants.bearer_no\n    where fees.entry_kind",
        "CORR_AMOUNTS_each_level_gives_back_its_own_grants",
    ),
    Mutation(
        "the fee of a share keeps its sign when it is reversed",
        STEPS + "share_fees.sql",
        "-recorded.fee_minor as fee_minor",
        "recorded.fee_minor as fee_minor",
        "COMB_SHARES_a_reversal_takes_back_the_fee_of_each_share",
    ),
)

REFUNDS = (
    Mutation(
        "earlier refunds are forgotten",
        STEPS + "originals.sql",
        "cleared.amount_minor - coalesce(refunded_before.amount_minor, 0) as left_minor",
        "cleared.amount_minor as left_minor",
        "REFUND_ORDER_the_last_unit_goes_once",
    ),
    Mutation(
        "a refund of exactly what is left does not fit",
        STEPS + "refunds_admitted.sql",
        "coalesce(wants.want_minor, 0) <= tried.left_minor",
        "coalesce(wants.want_minor, 0) < tried.left_minor",
        "REFUND_ORDER_one_that_does_not_fit_uses_nothing_up",
    ),
    Mutation(
        "a refund that does not fit uses up what is left",
        STEPS + "refunds_admitted.sql",
        "tested.left_minor - tested.fits * tested.want_minor",
        "tested.left_minor - tested.want_minor",
        "REFUND_ORDER_one_that_does_not_fit_uses_nothing_up",
    ),
    Mutation(
        "each refund is rounded by itself",
        STEPS + "lines_taken_back.sql",
        "coalesce(refunded_before.amount_minor, 0) + {{ minor_sum(\n            'lines.amount_minor', "
        "over='partition by lines.original_clearing_seq order by lines.clearing_seq'\n        ) }} as refunded_minor",
        "lines.amount_minor as refunded_minor",
        "BILL_REFUND_thirds_add_up_to_the_fee",
    ),
    Mutation(
        "every fee is given back",
        STEPS + "refunds_billed.sql",
        "when rules.refund_fee then",
        "when true then",
        "BILL_REFUND_nothing_back_where_the_rule_says_so",
    ),
)

BILLING = (
    Mutation(
        "the minimum is forgotten",
        FEE,
        "coalesce({{ rule }}.min_minor, least(",
        "coalesce(cast(null as bigint), least(",
        "BILL_CLAMP_after_the_rounding",
    ),
    Mutation(
        "the lower tiers are rounded, and then the sum",
        FEE,
        "{{ tier }}.below_millionths + {{",
        "{{ rounded_quotient(tier ~ '.below_millionths', '1000000', \"'half_up'\") }} * 1000000 + {{",
        "BILL_GRADUATED_summed_exactly_and_rounded_once",
    ),
    Mutation(
        "half to even is half up",
        "macros/money/money.sql",
        "then mod({{ whole_quotient(numerator, denominator) }}, 2)",
        "then 1",
        "BILL_RATE_half_a_unit_both_ways_by_each_rounding",
    ),
    Mutation(
        "a tier ends below its border",
        FEE,
        "{{ amount }} <= {{ tier }}.next_from_minor",
        "{{ amount }} < {{ tier }}.next_from_minor",
        "BILL_VOLUME_the_tier_of_the_whole_base",
    ),
    Mutation(
        "a tier holds for ever",
        "models/staging/config/stg_config__billing_tiers.sql",
        " and sets.set_from < tiers.valid_to",
        "",
        "BILL_TIER_DATE_one_tier_changes_the_others_stay",
    ),
    Mutation(
        "only full packages are paid for",
        FEE,
        "{{ whole_quotient(base ~ ' + ' ~ rule ~ '.package_size_minor - 1', rule ~ '.package_size_minor') }}",
        "{{ whole_quotient(base, rule ~ '.package_size_minor') }}",
        "BILL_PACKAGE_a_begun_package_counts_whole",
    ),
    Mutation(
        "the base is accumulated over all participants",
        STEPS + "bases.sql",
        "partition by moves.rule_code, moves.participant_id, moves.currency",
        "partition by moves.rule_code, moves.currency",
        "BILL_BASE_by_participant_currency_and_the_orders_own_month",
    ),
    Mutation(
        "the base is accumulated over all currencies",
        STEPS + "bases.sql",
        "partition by moves.rule_code, moves.participant_id, moves.currency, ",
        "partition by moves.rule_code, moves.participant_id, ",
        "BILL_BASE_by_participant_currency_and_the_orders_own_month",
    ),
    Mutation(
        "a refund leaves the period of its own date",
        STEPS + "bases.sql",
        "originals.currency, originals.accumulate_period_key,\n",
        "originals.currency, {{ base_period_key(\"'month'\", '(select sorted.ordered_date from ' ~ "
        "ref('int_clearing__lines_sorted') ~ ' as sorted where sorted.clearing_seq = lines.clearing_seq)') }} as "
        "accumulate_period_key,\n",
        "BILL_BASE_by_participant_currency_and_the_orders_own_month",
    ),
    Mutation(
        "volume is priced by the tier that its end falls in",
        FEE,
        "when 'cumulative_volume' then {{ before }} + 1",
        "when 'cumulative_volume' then {{ before }} + {{ base }}",
        "BILL_BASE_VOLUME_the_tier_of_what_was_before",
    ),
    Mutation(
        "the rate of the day itself is too late",
        STEPS + "fx_rates_used.sql",
        "rates.rate_date <= wanted.ordered_date",
        "rates.rate_date < wanted.ordered_date",
        "BILL_FX_by_the_latest_rate_of_the_orders_own_date",
    ),
)

ALLOCATING = (
    Mutation(
        "the missing units go to the smallest remainders",
        "macros/money/largest_remainder.sql",
        "order by remainder desc, {{ tie }}",
        "order by remainder, {{ tie }}",
        "ALLOC_RATIO_missing_units_to_the_largest_remainders",
    ),
    Mutation(
        "ties go to the last",
        "macros/money/largest_remainder.sql",
        "order by remainder desc, {{ tie }}",
        "order by remainder desc, {{ tie }} desc",
        "ALLOC_RATIO_missing_units_to_the_largest_remainders",
    ),
    Mutation(
        "of large fees only the last six digits are split",
        ALLOCATION,
        "{{ whole_quotient('amounts.amount_minor', '1000000') }} * bearers.ppm + shares.share_minor",
        "shares.share_minor",
        "worlds clearing.fct_fee_allocations",
    ),
    Mutation(
        "fixed shares by name, not by priority",
        STEPS + "bearers_in_force.sql",
        "order by is_residual, priority, '",
        "order by is_residual, '",
        "ALLOC_FIXED_by_priority_not_by_name",
    ),
    Mutation(
        "a sequence by name, not by priority",
        STEPS + "bearers_in_force.sql",
        "is_residual order by priority, {{",
        "is_residual order by {{",
        "ALLOC_SEQUENCE_by_priority_not_by_name",
    ),
    Mutation(
        "rules in the order of a dictionary",
        STEPS + "model_rules.sql",
        "order by {{ bytewise('rule_code') }}",
        "order by lower(rule_code)",
        "ALLOC_ORDER_by_the_bytes_of_the_rule_codes",
    ),
    Mutation(
        "all caps fill from one sum",
        ALLOCATION,
        "'asked_minor', over='partition by accumulator_no order by fee_no",
        "'asked_minor', over='order by fee_no",
        "ALLOC_CAP_exactly_at_the_cap_and_one_unit_over",
    ),
    Mutation(
        "a cap is one for all currencies",
        STEPS + "bearers_due.sql",
        "numbered.parent_bearer, numbered.bearer,\n                    numbered.currency, numbered.period_key",
        "numbered.parent_bearer, numbered.bearer,\n                    numbered.period_key",
        "ALLOC_SCOPE_two_rules_that_share_an_allocation_share_its_caps",
    ),
    Mutation(
        "a cap forgets what was granted before the batch",
        ALLOCATION,
        "coalesce(balances.accumulated_minor, 0) as opening_minor",
        "cast(0 as bigint) as opening_minor",
        "ALLOC_CAP_a_refund_gives_room_back",
    ),
    Mutation(
        "the cap of the day before",
        STEPS + "bearers_in_force.sql",
        "bearers.valid_from <= fee_kinds.ordered_date and fee_kinds.ordered_date < bearers.valid_to",
        "bearers.valid_from < fee_kinds.ordered_date and fee_kinds.ordered_date <= bearers.valid_to",
        "ALLOC_DATED_a_raised_cap_gives_room_from_its_day",
    ),
    Mutation(
        "nobody takes what the others cannot",
        ALLOCATION,
        "demands.demand_minor + coalesce(not_taken.overflow_minor, 0)",
        "demands.demand_minor",
        "ALLOC_RESIDUAL_what_the_others_cannot_take",
    ),
    Mutation(
        "the excess is split once and its own excess is lost",
        ALLOCATION_STEPS,
        "rounds.count = 1 + run_query(",
        "rounds.count = 1 + 0 * run_query(",
        "ALLOC_REDISTRIBUTE_the_excess_is_split_among_those_with_room",
    ),
    Mutation(
        "the excess goes to those without room too",
        ALLOCATION_STEPS,
        "then ppm else 0 end as weight,\n        cast(left_minor",
        "then ppm else ppm end as weight,\n        cast(left_minor",
        "ALLOC_REDISTRIBUTE_without_any_share_the_residual_takes_it",
    ),
    Mutation(
        "the rooms of a sequence are those of the whole fee",
        ALLOCATION_STEPS,
        "partition by fee_no, split_no order by is_residual, place rows",
        "partition by fee_no order by is_residual, place rows",
        "ALLOC_STEPS_two_sequences_of_one_fee",
    ),
    Mutation(
        "what is left to split is that of the whole fee",
        ALLOCATION_STEPS,
        "cast(left_minor - sum(taken_minor) over (partition by fee_no, split_no) as bigint)",
        "cast(left_minor - sum(taken_minor) over (partition by fee_no) as bigint)",
        "ALLOC_REDISTRIBUTE_the_children_of_each_parent_by_themselves",
    ),
    Mutation(
        "the excess of an amount is that of the same amount everywhere",
        ALLOCATION_STEPS,
        "then demand_minor else 0 end) over (partition by split_no, amount_minor) as excess_minor",
        "then demand_minor else 0 end) over (partition by amount_minor) as excess_minor",
        "ALLOC_REDISTRIBUTE_the_children_of_each_parent_by_themselves",
    ),
    Mutation(
        "the residual takes what is left of the whole fee",
        ALLOCATION_STEPS,
        "case when is_residual then 0 else taken_minor end) over (partition by fee_no, split_no)",
        "case when is_residual then 0 else taken_minor end) over (partition by fee_no)",
        "ALLOC_STEPS_two_residuals_of_one_fee",
    ),
    Mutation(
        "a run goes on over the cap",
        ALLOCATION_STEPS,
        "running.fee_no < run_ends.over_at",
        "running.fee_no <= run_ends.over_at",
        "ALLOC_STEPS_the_caps_of_two_days_in_one_batch",
    ),
    Mutation(
        "a cap that was lowered gives room at once",
        ALLOCATION,
        "> cap_minor then 0 else asked_minor",
        "> cap_minor then asked_minor else asked_minor",
        "ALLOC_ABOVE_a_lowered_cap_gives_no_room_until_releases_bring_it_under",
    ),
    Mutation(
        "the highest excess is that of all accumulators",
        ALLOCATION,
        "partition by accumulator_no order by fee_no rows between unbounded preceding and 1 preceding",
        "order by fee_no rows between unbounded preceding and 1 preceding",
        "ALLOC_MIXED_a_correction_takes_the_room_that_stands_before_it",
    ),
    Mutation(
        "releases of one accumulator count for all",
        ALLOCATION,
        "over='partition by events.accumulator_no order by events.fee_no '",
        "over='order by events.fee_no '",
        "ALLOC_ABOVE_a_lowered_cap_gives_no_room_until_releases_bring_it_under",
    ),
    Mutation(
        "a balance closes without what was released",
        STEPS + "grants.sql",
        "balances.opening_minor + balances.granted_minor - balances.released_minor as accumulated_minor",
        "balances.opening_minor + balances.granted_minor as accumulated_minor",
        "invariant accumulators_roll_forward",
    ),
    Mutation(
        "releases by the grants as they were, not by what is left of them",
        RELEASES,
        "'together_minor', 'left_minor')",
        "'together_minor', 'granted_minor')",
        "ALLOC_RELEASE_over_what_is_left_of_each_grant",
    ),
    Mutation(
        "releases lie on the last bearer first",
        RELEASES,
        "order by priority, ' ~ bytewise('bearer')",
        "order by priority desc, ' ~ bytewise('bearer')",
        "ALLOC_RELEASE_refunds_of_one_batch_together",
    ),
    Mutation(
        "children share with the children of other parents",
        STEPS + "bearers_due.sql",
        "on parents.kind_no = bearers.kind_no and parents.bearer = bearers.parent_bearer",
        "on parents.kind_no = bearers.kind_no",
        "ALLOC_LEVEL2_each_parent_has_children_of_its_own",
    ),
    Mutation(
        "a sequence whose places change is no reason for steps",
        STEPS + "bearers_due.sql",
        " or (min(method) = 'sequence' and min(place) <> max(place))",
        "",
        "ALLOC_STEPS_places_that_change_within_a_batch",
    ),
    Mutation(
        "parents are billed beside their children",
        STEPS + "share_fees.sql",
        "on bearers.bearer_no = grants.bearer_no and not bearers.has_children",
        "on bearers.bearer_no = grants.bearer_no",
        "COMB_SHARES_leaf_shares_of_two_levels_count_one_each",
    ),
)

MUTATIONS = (*SORTING, *CORRECTIONS, *REFUNDS, *BILLING, *ALLOCATING)
