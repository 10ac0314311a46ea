{{ config(materialized='ephemeral') }}

-- One part of the batch: the capped bearers of ratio and fixed rules in part 1, and of a sequence in the part of their place.
with granted_in_sequence as (
    select clearing_seq, rule_code, {{ minor_sum('granted_minor') }} as granted_minor
    from {{ history_of('int_clearing__grants') }}
    where batch_id = {{ batch_id() }} and row_kind = 'grant' and {{ batch_part() }} > 1
    group by clearing_seq, rule_code
),

demands as (
    select
        demands.*,
        coalesce(demands.demand_minor, demands.fee_minor - coalesce(granted_in_sequence.granted_minor, 0)) as asked_minor
    from {{ ref('int_clearing__demands') }} as demands
    left join granted_in_sequence
        on
            granted_in_sequence.clearing_seq = demands.clearing_seq
            and granted_in_sequence.rule_code = demands.rule_code
    where
        not demands.is_residual
        and case demands.method when 'sequence' then demands.place else 1 end = {{ batch_part() }}
),

running as (
    select
        demands.*,
        coalesce(balances.closing_minor, 0) as opening_minor,
        coalesce(balances.closing_minor, 0) + {{ minor_sum(
            'demands.asked_minor',
            over='partition by demands.allocation_rule_code, demands.bearer, demands.currency, demands.period_key '
            ~ 'order by demands.clearing_seq, ' ~ bytewise('demands.rule_code') ~ ' rows between unbounded preceding and current row'
        ) }} as asked_to_date_minor
    from demands
    left join {{ ref('int_clearing__balances_before') }} as balances
        on
            balances.allocation_rule_code = demands.allocation_rule_code
            and balances.bearer = demands.bearer
            and balances.currency = demands.currency
            and balances.period_key = demands.period_key
),

-- ALLOC-CAP: demands are never negative here, so min(cap, before + demand) row by row is min(cap, opening + demands so far); a
-- balance above its cap (the cap was lowered) stays where it is.
final as (
    select
        running.*,
        case
            when cap_minor is null then asked_minor
            else greatest(opening_minor, least(cap_minor, asked_to_date_minor))
                - greatest(opening_minor, least(cap_minor, asked_to_date_minor - asked_minor))
        end as granted_minor,
        case when cap_minor is not null then greatest(opening_minor, least(cap_minor, asked_to_date_minor)) end as accumulated_minor
    from running
)

select * from final
