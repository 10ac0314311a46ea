{{ config(materialized='ephemeral') }}

with lines_moved as (
    select * from {{ ref('int_reconciliation__lines_moved') }}
),

lines_seen as (
    select
        lines.batch_id, lines.channel_code, lines.channel_txn_no, lines.order_no, lines.direction, lines.currency, lines.amount_minor,
        lines.fee_minor, lines.completed_at
    from {{ ref('int_reconciliation__lines_looked_at') }} as lines
    left join lines_moved on lines_moved.channel_txn_no = lines.channel_txn_no and lines_moved.channel_code = lines.channel_code
    where lines_moved.channel_code is null and lines.order_no in (select order_no from {{ ref('int_reconciliation__numbers_crowded') }})
    union all
    select batch_id, channel_code, channel_txn_no, order_no, direction, currency, amount_minor, fee_minor, completed_at
    from lines_moved
    where order_no in (select order_no from {{ ref('int_reconciliation__numbers_crowded') }})
),

-- REC-CHANNEL: an order without a channel takes the lines of all channels under its number.
with_item_channel as (
    select
        lines_seen.*,
        case when any_channel.order_no is null then lines_seen.channel_code else '' end as item_channel_code
    from lines_seen
    left join {{ ref('int_reconciliation__orders_of_any_channel') }} as any_channel
        on any_channel.order_no = lines_seen.order_no and any_channel.direction = lines_seen.direction
),

final as (
    select
        with_item_channel.batch_id,
        with_item_channel.item_channel_code,
        with_item_channel.channel_code,
        with_item_channel.channel_txn_no,
        with_item_channel.order_no,
        with_item_channel.direction,
        with_item_channel.currency,
        with_item_channel.amount_minor,
        with_item_channel.fee_minor,
        with_item_channel.completed_at,
        coalesce(rules.statement_grouping, 'single') as statement_grouping
    from with_item_channel
    left join {{ ref('stg_config__reconciliation_rules') }} as rules
        on rules.relation = 'orders_channel' and rules.channel_code = with_item_channel.item_channel_code
)

select * from final
