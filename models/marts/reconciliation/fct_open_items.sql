with items as (
    select * from {{ ref('int_reconciliation__items') }}
    where is_open
),

aged as (
    select items.*, batch_date - opened_date as age_days
    from items
),

final as (
    select
        batch_id,
        batch_date,
        'orders_channel' as relation,
        {{ item_key() }} as item_key,
        channel_code,
        order_no,
        pool,
        result,
        currency,
        difference_minor,
        opened_batch_id,
        cast(age_days as bigint) as age_days,
        case
            when age_days = 0 then '0'
            when age_days <= 3 then '1-3'
            when age_days <= 7 then '4-7'
            when age_days <= 30 then '8-30'
            else '31+'
        end as age_bucket,
        case when result in ('status_mismatch', 'fee_mismatch') then 'settlement operations' else 'channel operations' end as owner,
        case result
            when 'platform_only' then 'Ask the channel for the line; it may come with a later statement.'
            when 'channel_only' then 'Find the order or ask the channel to send the money back.'
            when 'duplicate_channel' then 'Ask the channel whether the customer paid twice; refund the second payment.'
            when 'amount_mismatch' then 'Compare order and statement line; correct the order by a higher version or claim the difference.'
            when 'fee_mismatch' then 'Compare the fee rule with the contract of the channel.'
            when 'currency_mismatch' then 'Correct the currency of the order, or ask the channel.'
            else 'Complete the order by a higher version, or have the channel refund the payment.'
        end as next_action
    from aged
)

select * from final
