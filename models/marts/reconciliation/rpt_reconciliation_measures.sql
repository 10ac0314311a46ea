{%- set results = reconciliation_results() %}

with totals as (
    select
        totals.*,
        matched_count + matched_late_count as found_equal_count,
        {{ results | join('_count + ') }}_count as told_count
    from {{ ref('fct_reconciliation_totals') }} as totals
),

-- A difference that nobody can name, of two currencies, puts the whole amount at risk.
items as (
    select
        batch_id, relation, channel_code, currency,
        {{ minor_sum('case when is_open then 1 else 0 end') }} as open_count,
        {{ minor_sum('case when is_open then abs(coalesce(difference_minor, left_minor, right_minor, 0)) else 0 end') }} as at_risk_minor,
        max(case when is_open then batch_date - opened_date end) as oldest_open_days,
        {{ minor_sum("case when was_open and not is_open and " ~ differs('match_kind', "'manual'") ~ " then 1 else 0 end") }} as resolved_auto_count,
        {{ minor_sum(
            "case when was_open and not is_open and " ~ differs('match_kind', "'manual'") ~ " then coalesce(left_minor, right_minor, 0) else 0 end"
        ) }} as resolved_auto_minor,
        {{ minor_sum("case when was_open and not is_open and match_kind = 'manual' then 1 else 0 end") }} as resolved_manual_count,
        {{ minor_sum(
            "case when match_kind = 'manual' and result not in ('matched', 'matched_late') then 1 else 0 end"
        ) }} as closed_unequal_count,
        {{ minor_sum(
            "case when was_open and not is_open and match_kind = 'manual' then coalesce(left_minor, right_minor, 0) else 0 end"
        ) }} as resolved_manual_minor
    from {{ ref('int_reconciliation__items_of_all') }}
    group by batch_id, relation, channel_code, currency
),

-- REC-DECIDE: closing a difference compares nothing, so it is no judgement; else every decision would make the match rate worse.
judged as (
    select
        totals.*,
        items.open_count, items.at_risk_minor, items.oldest_open_days, items.resolved_auto_count, items.resolved_auto_minor,
        items.resolved_manual_count, items.resolved_manual_minor,
        totals.told_count - coalesce(items.closed_unequal_count, 0) as judged_count
    from totals
    left join items
        on
            items.batch_id = totals.batch_id and items.relation = totals.relation and items.channel_code = totals.channel_code
            and items.currency = totals.currency
),

-- REC-MEASURE: how well a channel and we agree, batch by batch; a rate is in parts per million, rounded down, so that 1,000,000 is all.
final as (
    select
        batch_id,
        batch_date,
        relation,
        channel_code,
        currency,
        cast(judged_count as bigint) as judged_count,
        cast(found_equal_count as bigint) as found_equal_count,
        case
            when judged_count > 0
                then cast({{ whole_quotient('found_equal_count * 1000000', 'judged_count') }} as bigint)
        end as match_rate_ppm,
        coalesce(resolved_auto_count, 0) as resolved_auto_count,
        coalesce(resolved_auto_minor, 0) as resolved_auto_minor,
        coalesce(resolved_manual_count, 0) as resolved_manual_count,
        coalesce(resolved_manual_minor, 0) as resolved_manual_minor,
        coalesce(open_count, 0) as open_count,
        coalesce(at_risk_minor, 0) as at_risk_minor,
        cast(oldest_open_days as bigint) as oldest_open_days,
        left_count > 0 and right_count = 0 as is_statement_missing
    from judged
)

select * from final
