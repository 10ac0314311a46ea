-- The hand-written rival of the reconciliation: one full outer join that only counts, on the tables that were loaded.
-- It knows this day: one line more under a number is a second payment of an equal amount, a fee is 0.6 %.
with paired as (
    select
        case
            when payments.order_no is null then 'platform_only'
            when orders.order_no is null then 'channel_only'
            when payments.currency <> orders.currency then 'currency_mismatch'
            when orders.status <> 'success' then 'status_mismatch'
            when payments.amount <> orders.amount then 'amount_mismatch'
            when payments.fee <> round(orders.amount * 0.006, 2) then 'fee_mismatch'
            when payments._batch_id <> orders._batch_id then 'matched_late'
            else 'matched'
        end as result,
        count(*) as row_count
    from raw.orders as orders
    full outer join raw.payments as payments
        on payments.order_no = orders.order_no and payments.channel_code = orders.channel_code
    group by 1
),

-- Rows with an order, beyond one for each order, are further lines.
further as (
    select sum(row_count) filter (where result <> 'channel_only') - (select count(*) from raw.orders) as row_count
    from paired
)

select result, row_count - case when result = 'matched' then (select row_count from further) else 0 end from paired
union all
select 'duplicate_channel', row_count from further
