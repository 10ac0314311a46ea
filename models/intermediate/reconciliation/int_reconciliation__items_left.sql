{{ config(materialized='ephemeral') }}

with items_decided as (
    select order_no, item_key from {{ ref('int_reconciliation__decisions_due') }}
    where is_moving_a_line
),

-- An item that an order without a channel, a later version of it or a decision took over has no side of its own any more.
numbers_moving as (
    select order_no from {{ ref('stg_orders__orders') }}
    where batch_id = {{ batch_id() }} and (channel_code is null or order_version > 1)
),

items_before as (
    select channel_code, order_no, direction, own_txn_no, is_further_line from {{ history_of('int_reconciliation__pairs') }}
    where
        batch_id < {{ batch_id() }}
        and (
            order_no in (select order_no from numbers_moving)
            or (
                order_no in (select order_no from items_decided)
                and {{ item_key("'orders_channel'") }} in (select item_key from items_decided)
            )
        )
    union
    select channel_code, order_no, direction, own_txn_no, is_further_line
    from ({{ plain_matches('< ' ~ batch_id(), 'select order_no from numbers_moving', history_of('int_reconciliation__pairs')) | indent(4) }}) as plain
),

final as (
    select items_before.*
    from items_before
    left join {{ history_of('int_reconciliation__pairs') }} as now
        on
            now.channel_code = items_before.channel_code
            and now.order_no = items_before.order_no
            and now.direction = items_before.direction
            and now.own_txn_no = items_before.own_txn_no
            and now.batch_id = {{ batch_id() }}
    where now.order_no is null
)

select * from final
