{{ config(materialized='ephemeral') }}

-- One part of the batch: the bearers with a share of their own in part 1, and those of a sequence in the part of their place.
with granted_in_sequence as (
    select fee_no, {{ minor_sum('granted_minor') }} as granted_minor
    from {{ history_of('int_clearing__grants') }}
    where batch_id = {{ batch_id() }} and row_kind = 'grant' and {{ batch_part() }} > 1
    group by fee_no
),

demands as (
    select
        demands.fee_no, demands.scope_no,
        coalesce(demands.demand_minor, demands.fee_minor - coalesce(granted_in_sequence.granted_minor, 0)) as asked_minor
    from {{ ref('int_clearing__demands') }} as demands
    left join granted_in_sequence on granted_in_sequence.fee_no = demands.fee_no
    where
        not demands.is_residual
        and case demands.method when 'sequence' then demands.place else 1 end = {{ batch_part() }}
),

running as (
    select
        demands.*,
        {{ minor_sum(
            'asked_minor', over='partition by scope_no order by fee_no rows between unbounded preceding and current row'
        ) }} as asked_so_far_minor
    from demands
),

caps as (
    select distinct scope_no, allocation_rule_code, parent_bearer, bearer, priority, currency, period_key, cap_minor, opening_minor
    from {{ ref('int_clearing__scopes') }}
),

-- ALLOC-CAP: demands are never negative here, so min(cap, before + demand) row by row is min(cap, opening + demands so far); a
-- balance above its cap (the cap was lowered) stays where it is.
final as (
    select
        running.fee_no, running.asked_minor,
        caps.allocation_rule_code, caps.parent_bearer, caps.bearer, caps.priority, caps.currency, caps.period_key, caps.cap_minor,
        case
            when caps.cap_minor is null then running.asked_minor
            else greatest(caps.opening_minor, least(caps.cap_minor, caps.opening_minor + running.asked_so_far_minor))
                - greatest(caps.opening_minor, least(caps.cap_minor, caps.opening_minor + running.asked_so_far_minor - running.asked_minor))
        end as granted_minor,
        case
            when caps.cap_minor is not null
                then greatest(caps.opening_minor, least(caps.cap_minor, caps.opening_minor + running.asked_so_far_minor))
        end as accumulated_minor
    from running
    inner join caps on caps.scope_no = running.scope_no
)

select * from final
