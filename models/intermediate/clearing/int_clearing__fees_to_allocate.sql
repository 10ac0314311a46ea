{{ config(materialized='ephemeral') }}

with final as (
    select
        details.fee_no,
        details.allocation_rule_code,
        details.currency,
        details.ordered_date,
        coalesce(details.contract_no, '') as contract_no,
        details.fee_minor
    from {{ ref('fct_clearing_details') }} as details
    where
        details.batch_id = {{ batch_id() }} and details.entry_kind = 'new'
        and details.allocation_rule_code is not null and details.fee_minor > 0
)

select * from final
