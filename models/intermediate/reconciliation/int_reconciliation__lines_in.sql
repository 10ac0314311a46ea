{{ config(materialized='ephemeral') }}

-- What their side gained in the batch, added up from the statement lines and not from the items: the control total of the items.
with orders_of_any_channel as (
    select * from {{ ref('int_reconciliation__orders_of_any_channel') }}
),

lines_moved as (
    select * from {{ ref('int_reconciliation__lines_moved') }}
),

-- Whose lines went to the empty channel as of the batch before: an order can gain or lose its channel.
highest_before as (
    select order_no, max(order_version) as order_version
    from {{ ref('stg_orders__orders') }}
    where batch_id < {{ batch_id() }} and order_version > 1
    group by order_no
),

any_channel_before as (
    select orders.order_no, case when orders.order_type = 'refund' then 'refund' else 'payment' end as direction
    from {{ ref('stg_orders__orders') }} as orders
    left join highest_before on highest_before.order_no = orders.order_no
    where
        orders.batch_id < {{ batch_id() }} and orders.channel_code is null
        and orders.order_version = coalesce(highest_before.order_version, orders.order_version)
),

rearranged as (
    select distinct order_no from {{ ref('stg_orders__orders') }}
    where batch_id = {{ batch_id() }} and (channel_code is null or order_version > 1)
),

lines_before as (
    select
        case when was.order_no is null then lines.channel_code else '' end as channel_before,
        case when now.order_no is null then lines.channel_code else '' end as channel_now,
        lines.currency, lines.amount_minor
    from {{ ref('stg_channel__payments') }} as lines
    inner join rearranged on rearranged.order_no = lines.order_no
    left join lines_moved as moved on moved.channel_txn_no = lines.channel_txn_no and moved.channel_code = lines.channel_code
    left join any_channel_before as was on was.order_no = lines.order_no and was.direction = lines.direction
    left join orders_of_any_channel as now on now.order_no = lines.order_no and now.direction = lines.direction
    where lines.batch_id < {{ batch_id() }} and lines.status = 'success' and moved.channel_code is null
    union all
    select
        case when was.order_no is null then moved.channel_code else '' end,
        case when now.order_no is null then moved.channel_code else '' end,
        moved.currency, moved.amount_minor
    from lines_moved as moved
    left join any_channel_before as was on was.order_no = moved.order_no_before and was.direction = moved.direction
    left join orders_of_any_channel as now on now.order_no = moved.order_no and now.direction = moved.direction
),

final as (
    select
        case when any_channel.order_no is null then lines.channel_code else '' end as channel_code, lines.currency,
        count(*) as right_count, {{ minor_sum('lines.amount_minor') }} as right_minor, cast(0 as bigint) as transferred_minor
    from {{ ref('stg_channel__payments') }} as lines
    left join orders_of_any_channel as any_channel
        on any_channel.order_no = lines.order_no and any_channel.direction = lines.direction
    where lines.batch_id = {{ batch_id() }} and lines.status = 'success'
    group by case when any_channel.order_no is null then lines.channel_code else '' end, lines.currency
    union all
    select channel_now, currency, 0, 0, amount_minor from lines_before
    where channel_now <> channel_before
    union all
    select channel_before, currency, 0, 0, -amount_minor from lines_before
    where channel_now <> channel_before
)

select * from final
