{{ config(materialized='ephemeral') }}

with fee_kinds as (
    select distinct allocation_rule_code, currency, ordered_date, contract_no from {{ ref('int_clearing__fees_to_allocate') }}
),

balances_before as (
    select allocation_rule_code, bearer, currency, period_key, accumulated_minor as closing_minor
    from {{ history_of('int_clearing__grants') }}
    where batch_id = {{ batch_id() }} - 1 and row_kind = 'balance'
),

with_period as (
    select
        fee_kinds.*,
        bearers.parent_bearer, bearers.bearer, bearers.priority, bearers.method, bearers.ppm, bearers.fixed_minor,
        bearers.fixed_before_minor, bearers.is_residual, bearers.place, bearers.cap_minor,
        case bearers.cap_period
            when 'day' then cast(fee_kinds.ordered_date as {{ dbt.type_string() }})
            when 'month' then substr(cast(fee_kinds.ordered_date as {{ dbt.type_string() }}), 1, 7)
            when 'quarter'
                then substr(cast(fee_kinds.ordered_date as {{ dbt.type_string() }}), 1, 4) || '-Q'
                    || cast(extract(quarter from fee_kinds.ordered_date) as {{ dbt.type_string() }})
            when 'year' then substr(cast(fee_kinds.ordered_date as {{ dbt.type_string() }}), 1, 4)
            when 'contract' then fee_kinds.contract_no
            else bearers.cap_period
        end as period_key
    from fee_kinds
    inner join {{ ref('stg_config__allocation_bearers') }} as bearers
        on bearers.allocation_rule_code = fee_kinds.allocation_rule_code and bearers.allocation_level = 1
),

final as (
    select
        with_period.*,
        coalesce(balances_before.closing_minor, 0) as opening_minor,
        -- ALLOC-SCOPE: a cap is one row of the bearers; it fills per rule, bearer, currency and period.
        dense_rank() over (
            order by with_period.allocation_rule_code, with_period.bearer, with_period.currency, with_period.period_key
        ) as scope_no
    from with_period
    left join balances_before
        on
            balances_before.allocation_rule_code = with_period.allocation_rule_code
            and balances_before.bearer = with_period.bearer
            and balances_before.currency = with_period.currency
            and balances_before.period_key = with_period.period_key
)

select * from final
