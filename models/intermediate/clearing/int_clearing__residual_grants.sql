{{ config(materialized='ephemeral') }}

-- What the capped bearers of a fee were asked for and could not take; in a sequence, what the last one left.
with not_taken as (
    select fee_no, {{ minor_sum('demand_minor - granted_minor') }} as overflow_minor
    from {{ history_of('int_clearing__grants') }}
    where
        batch_id = {{ batch_id() }} and row_kind = 'grant' and {{ batch_part() }} = {{ residual_part() }}
        and demand_minor <> granted_minor
    group by fee_no
),

taken_in_sequence as (
    select grants.fee_no, {{ minor_sum('grants.granted_minor') }} as granted_minor
    from {{ history_of('int_clearing__grants') }} as grants
    where
        grants.batch_id = {{ batch_id() }} and grants.row_kind = 'grant' and {{ batch_part() }} = {{ residual_part() }}
        and grants.allocation_rule_code in (
            select allocation_rule_code from {{ ref('stg_config__allocation_bearers') }}
            where method = 'sequence'
        )
    group by grants.fee_no
),

residuals as (
    select distinct scope_no, allocation_rule_code, parent_bearer, bearer, priority, currency, period_key
    from {{ ref('int_clearing__scopes') }}
    where is_residual
),

-- ALLOC-RESIDUAL: the residual bearer takes what is left, so the grants of a fee always add up to it.
final as (
    select
        demands.fee_no,
        residuals.allocation_rule_code, residuals.parent_bearer, residuals.bearer, residuals.priority, residuals.currency,
        residuals.period_key,
        case demands.method
            when 'sequence' then demands.fee_minor - coalesce(taken_in_sequence.granted_minor, 0)
            else demands.demand_minor + coalesce(not_taken.overflow_minor, 0)
        end as granted_minor
    from {{ ref('int_clearing__demands') }} as demands
    inner join residuals on residuals.scope_no = demands.scope_no
    left join not_taken on not_taken.fee_no = demands.fee_no
    left join taken_in_sequence on taken_in_sequence.fee_no = demands.fee_no
    where demands.is_residual
)

select * from final
