{{ config(materialized='ephemeral') }}

-- REC-GROUP: a fee is what the channel keeps of a payment, or gives back with a refund; a fee of nothing comes as a payout of nothing with a fee.
with final as (
    select
        batch_id, channel_code, settlement_batch_no, currency,
        case
            when txn_type = 'refund' then coalesce(fee_minor, 0) - amount_minor
            when txn_type = 'payout' then -coalesce(fee_minor, 0)
            else amount_minor - coalesce(fee_minor, 0)
        end as net_minor
    from {{ ref('stg_channel__payments') }}
    where status = 'success' and settlement_batch_no is not null
    union all
    select batch_id, channel_code, settlement_batch_no, currency, -coalesce(fee_minor, 0) from {{ ref('stg_channel__payouts') }}
    where status = 'success' and settlement_batch_no is not null
)

select * from final
