{{ config(materialized='ephemeral') }}

with final as (
    select channel_code, batch_id as first_batch_id from {{ ref('int_reconciliation__channels_compared') }}
    where batch_id <= {{ batch_id() }}
)

select * from final
