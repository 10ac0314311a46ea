{{ config(materialized='ephemeral') }}

with items as (
    select
        items.*,
        coalesce(previous_pool, 'none') as pool_before,
        coalesce(left_minor, right_minor, 0) as item_minor,
        coalesce(previous_left_minor, previous_right_minor, 0) as item_minor_before
    from {{ ref('int_reconciliation__items') }} as items
    where batch_id = {{ batch_id() }}
),

-- An item whose line an order without a channel took over gives its line to the empty channel.
changed as (
    select
        items.*,
        case
            when left_minor is null and right_minor is null and previous_right_minor is not null then ''
            else channel_code
        end as moved_channel_code
    from items
    where is_changed
),

moves as (
    select moved_channel_code as channel_code, right_currency as currency, right_minor as moved_minor from changed
    union all
    select moved_channel_code, previous_right_currency, -previous_right_minor from changed
    union all
    select channel_code, left_currency, -left_minor from changed
    where is_order_successful
    union all
    select channel_code, previous_left_currency, previous_left_minor from changed
    where was_order_successful
),

final as (
    select
        channel_code, currency, result, pool, pool_before, is_changed, item_minor, item_minor_before,
        cast(0 as bigint) as moved_minor
    from items
    union all
    select channel_code, currency, null, 'none', 'none', false, 0, 0, moved_minor
    from moves
    where moved_minor <> 0
)

select * from final
