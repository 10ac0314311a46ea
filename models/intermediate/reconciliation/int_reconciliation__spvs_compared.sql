{{ config(materialized='ephemeral') }}

-- An SPV is compared from its first report or rule on, and stays compared, or what it confirmed would vanish from the totals.
with final as (
    select channel_code as spv_code from {{ ref('stg_config__reconciliation_rules') }}
    where relation = 'orders_spv'
    union
    select spv_code from {{ ref('stg_spv__reports') }}
    where batch_id <= {{ batch_id() }}
    union
    select spv_code from {{ history_of('int_reconciliation__spv_pairs') }}
    where batch_id <= {{ batch_id() }}
)

select * from final
