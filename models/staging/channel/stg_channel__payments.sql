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
        payments.order_no,
        payments.txn_type,
        case when payments.txn_type = 'refund' then 'refund' else 'payment' end as direction,
        payments.currency,
        currencies.minor_per_major,
        payments.amount as statement_amount,
        payments.fee as statement_fee,
        {{ to_minor('payments.amount', 'currencies.minor_per_major') }} as amount_minor,
        {{ to_minor('payments.fee', 'currencies.minor_per_major') }} as fee_minor,
        payments.status,
        payments.account_no,
        payments.completed_at,
        payments.settlement_batch_no,
        payments._file_id as file_id,
        payments._line_no as file_line_no
    from payments
    left join currencies on currencies.currency = payments.currency
    -- REC-RESULT: what a channel pays out to us, and what it takes of that, is no side of any order; as one it would be money without an order.
    where payments.txn_type <> 'payout' or payments.order_no is not null
)

select * from final
