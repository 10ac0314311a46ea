-- Marts of this schema read no view of it, see fct_settlement_entries.
with final as (
    select * from {{ ref('int_settlement__payout_instructions') }}
)

select * from final
