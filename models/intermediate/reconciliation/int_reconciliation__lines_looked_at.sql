{{ config(materialized='ephemeral') }}

-- Amounts as the statement has them: the lines of all batches pass by here, and only those that stay are worth turning into minor units.
with looked_at as (
    select
        batch_id, channel_code, channel_txn_no, order_no, direction, currency, minor_per_major, statement_amount, statement_fee,
        completed_at
    from {{ ref('stg_channel__payments') }}
    where
        batch_id <= {{ batch_id() }} and status = 'success'
        and order_no in (select order_no from {{ ref('int_reconciliation__numbers_looked_at') }})
    union all
    select
        batch_id, channel_code, channel_txn_no, order_no, direction, currency, minor_per_major, statement_amount, statement_fee,
        completed_at
    from {{ ref('stg_channel__payments') }}
    where batch_id = {{ batch_id() }} and status = 'success' and order_no is null
),

final as (
    select
        batch_id, channel_code, channel_txn_no, order_no, direction, currency,
        {{ to_minor('statement_amount', 'minor_per_major') }} as amount_minor,
        {{ to_minor('statement_fee', 'minor_per_major') }} as fee_minor,
        completed_at
    from looked_at
)

select * from final
