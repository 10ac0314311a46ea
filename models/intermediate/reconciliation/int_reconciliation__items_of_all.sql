{{ config(materialized='view') }}

-- Items before settlement and after it, in two tables because one builds on the other.
with final as (
    select * from {{ ref('int_reconciliation__items') }}
    union all
    select * from {{ ref('int_reconciliation__payout_items') }}
)

select * from final
