{{ config(materialized='ephemeral') }}

with items as (
    select
        items.*,
        coalesce(previous_pool, 'none') as pool_before,
        coalesce(left_minor, right_minor, 0) as item_minor,
        coalesce(previous_left_minor, previous_right_minor, 0) as item_minor_before,
        case
            when previous_pool = 'none' and previous_result in ('matched', 'matched_late')
                then coalesce(previous_right_minor, 0) - coalesce(previous_left_minor, 0)
            else 0
        end as was_absorbed_minor,
        -- Nearly every item has one currency on both sides, before and now, and moves in it.
        coalesce(left_currency, currency) = currency and coalesce(right_currency, currency) = currency
        and coalesce(previous_left_currency, currency) = currency
        and coalesce(previous_right_currency, currency) = currency as is_of_one_currency
    from {{ ref('int_reconciliation__items_of_all') }} as items
    where batch_id = {{ batch_id() }}
),

-- An item can move without a change of its result (its order is taken back while the currencies differ), so all are read.
-- Lines of one item in two currencies have no common sum in the item, so they are added up here, by currency.
lines_placed as (
    select
        lines.channel_code, lines.direction, lines.currency, lines.amount_minor, lines.order_no,
        case when lines.batch_id < {{ batch_id() }} then lines.order_no end as order_no_before
    from {{ ref('stg_channel__payments') }} as lines
    left join {{ ref('int_reconciliation__lines_moved') }} as moved
        on moved.channel_txn_no = lines.channel_txn_no and moved.channel_code = lines.channel_code
    where
        lines.status = 'success' and lines.batch_id <= {{ batch_id() }} and moved.channel_code is null
        and lines.order_no in (
            select order_no from items
            where relation = 'orders_channel' and (right_currency = '' or previous_right_currency = '')
        )
    union all
    select channel_code, direction, currency, amount_minor, order_no, order_no_before
    from {{ ref('int_reconciliation__lines_moved') }}
),

lines_of_mixed as (
    select items.relation, items.channel_code, lines.currency, lines.amount_minor as moved_minor
    from items
    inner join lines_placed as lines
        on
            lines.order_no = items.order_no and lines.direction = items.direction
            and (lines.channel_code = items.channel_code or items.channel_code = '')
    where items.relation = 'orders_channel' and items.right_currency = ''
    union all
    select items.relation, items.channel_code, lines.currency, -lines.amount_minor
    from items
    inner join lines_placed as lines
        on
            lines.order_no_before = items.order_no and lines.direction = items.direction
            and (lines.channel_code = items.channel_code or items.channel_code = '')
    where items.relation = 'orders_channel' and items.previous_right_currency = ''
),

moves as (
    select relation, channel_code, currency, moved_minor from lines_of_mixed
    union all
    select relation, channel_code, right_currency as currency, right_minor as moved_minor from items
    where not is_of_one_currency
    union all
    select relation, channel_code, previous_right_currency, -previous_right_minor from items
    where not is_of_one_currency
    union all
    select relation, channel_code, left_currency, -left_minor from items
    where is_order_successful and not is_of_one_currency
    union all
    select relation, channel_code, previous_left_currency, previous_left_minor from items
    where was_order_successful and not is_of_one_currency
),

-- An open item whose currency changes leaves the pool of the one and enters that of the other; else neither would roll forward.
items_placed as (
    select
        items.*,
        pool_before <> 'none' and {{ differs('previous_currency', 'currency') }} as has_changed_currency
    from items
),

final as (
    select
        relation, channel_code, currency, result, pool, case when has_changed_currency then 'none' else pool_before end as pool_before,
        is_changed, item_minor, case when has_changed_currency then 0 else item_minor_before end as item_minor_before,
        case
            when is_of_one_currency
                then coalesce(right_minor, 0) - coalesce(previous_right_minor, 0)
                    - case when is_order_successful then coalesce(left_minor, 0) else 0 end
                    + case when was_order_successful then coalesce(previous_left_minor, 0) else 0 end
            else 0
        end as moved_minor,
        -- REC-TOLERANCE: what is let pass now less what was let pass before.
        case when pool = 'none' and result in ('matched', 'matched_late') then coalesce(difference_minor, 0) else 0 end
        - case when previous_currency = currency then was_absorbed_minor else 0 end as absorbed_minor
    from items_placed
    union all
    select relation, channel_code, previous_currency, null, 'none', pool_before, false, 0, item_minor_before, 0, 0
    from items_placed
    where has_changed_currency
    union all
    select relation, channel_code, previous_currency, null, 'none', 'none', false, 0, 0, 0, -was_absorbed_minor
    from items_placed
    where was_absorbed_minor <> 0 and previous_currency <> currency
    union all
    select relation, channel_code, currency, null, 'none', 'none', false, 0, 0, moved_minor, 0
    from moves
    where moved_minor <> 0
)

select * from final
