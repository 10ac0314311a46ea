{{ config(materialized='ephemeral') }}

with final as (
    select allocation_rule_code, parent_bearer, bearer, currency, period_key, accumulated_minor as closing_minor
    from {{ history_of('int_clearing__grants') }}
    where batch_id = {{ batch_id() }} - 1 and row_kind = 'balance'
)

select * from final
