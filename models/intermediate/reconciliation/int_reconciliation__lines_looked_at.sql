{{ config(materialized='ephemeral') }}

with final as (
    select batch_id, channel_code, channel_txn_no, order_no, direction, currency, amount_minor, fee_minor, completed_at
    from {{ ref('stg_channel__payments') }}
    where
        batch_id <= {{ batch_id() }} and status = 'success'
        and order_no in (select order_no from {{ ref('int_reconciliation__numbers_looked_at') }})
    union all
    select batch_id, channel_code, channel_txn_no, order_no, direction, currency, amount_minor, fee_minor, completed_at
    from {{ ref('stg_channel__payments') }}
    where batch_id = {{ batch_id() }} and status = 'success' and order_no is null
)

select * from final
