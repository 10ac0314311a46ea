{{ config(materialized='ephemeral') }}

with granted as (
    select clearing_seq, rule_code, {{ minor_sum('granted_minor') }} as granted_minor
    from {{ history_of('int_clearing__grants') }}
    where batch_id = {{ batch_id() }} and row_kind = 'grant' and {{ batch_part() }} = {{ residual_part() }}
    group by clearing_seq, rule_code
),

-- ALLOC-RESIDUAL: the residual bearer takes what is left, so the grants of a fee always add up to it.
final as (
    select
        demands.*,
        demands.fee_minor - coalesce(granted.granted_minor, 0) as granted_minor
    from {{ ref('int_clearing__demands') }} as demands
    left join granted on granted.clearing_seq = demands.clearing_seq and granted.rule_code = demands.rule_code
    where demands.is_residual
)

select * from final
