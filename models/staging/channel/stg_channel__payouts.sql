with payments as (
    select * from {{ source('raw', 'payments') }}
),

currencies as (
    select currency, minor_per_major from {{ ref('stg_config__currencies') }}
),

final as (
    select
        payments._batch_id as batch_id,
        payments.channel_code,
        payments.channel_txn_no,
        payments.settlement_batch_no,
        payments.currency,
        {{ to_minor('payments.amount', 'currencies.minor_per_major') }} as amount_minor,
        {{ to_minor('payments.fee', 'currencies.minor_per_major') }} as fee_minor,
        payments.status,
        payments.account_no,
        payments.completed_at,
        payments._file_id as file_id,
        payments._line_no as file_line_no
    from payments
    left join currencies on currencies.currency = payments.currency
    where payments.txn_type = 'payout' and payments.order_no is null
)

select * from final
