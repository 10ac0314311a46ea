{{ config(materialized='ephemeral') }}

-- An item that was closed in this batch frees what might have been its counterpart.
with items as (
    select
        channel_code, order_no, direction, own_txn_no, is_further_line, currency, opened_batch_id, opened_date, is_open,
        case when is_open then result else previous_result end as result,
        case when is_open then left_minor else previous_left_minor end as left_minor,
        case when is_open then right_minor else previous_right_minor end as right_minor,
        not was_open or {{ differs('result', 'previous_result') }} or {{ differs('currency', 'previous_currency') }}
        or {{ differs('left_minor', 'previous_left_minor') }} or {{ differs('right_minor', 'previous_right_minor') }} as is_news
    from {{ ref('int_reconciliation__items') }}
    where relation = 'orders_channel' and batch_id = {{ batch_id() }} and (is_open or was_open)
),

-- REC-CHANNEL: an order that names no channel may belong to a line of any, so lines are there for the empty channel too.
sides as (
    select items.*, 'left' as side, channel_code as rule_channel_code, left_minor as amount_minor
    from items
    where result = 'platform_only'
    union all
    select items.*, 'right', channel_code, right_minor from items
    where result in ('channel_only', 'duplicate_channel')
    union all
    select items.*, 'right', '', right_minor from items
    where result in ('channel_only', 'duplicate_channel') and channel_code <> ''
),

allowed as (
    select
        sides.*,
        sides.rule_channel_code || '|' || sides.direction as scope,
        coalesce(rules.amount_tolerance_minor, 0) as amount_tolerance_minor,
        coalesce(rules.date_window_days, 0) as date_window_days,
        {{ piece_of('sides.amount_minor', 'coalesce(rules.amount_tolerance_minor, 0)') }} as amount_piece
    from sides
    left join {{ ref('stg_config__reconciliation_rules') }} as rules
        on rules.relation = 'orders_channel' and rules.channel_code = sides.rule_channel_code
),

pieces_around as (
    select step from generate_series(-3, 3) as every_step (step)
),

-- What can have changed lies within two pieces of the amount of something new; what it is compared with, within three.
news as (
    select
        allowed.scope, allowed.currency, allowed.amount_piece + steps.step as amount_piece,
        min(abs(steps.step)) as pieces_away
    from allowed
    inner join pieces_around as steps
        on steps.step = 0 or allowed.amount_tolerance_minor > 0
    where allowed.is_news
    group by allowed.scope, allowed.currency, allowed.amount_piece + steps.step
),

final as (
    select
        allowed.side, allowed.scope, allowed.channel_code, allowed.order_no, allowed.direction, allowed.own_txn_no, allowed.is_further_line,
        allowed.currency, allowed.amount_minor, allowed.amount_tolerance_minor, allowed.date_window_days, allowed.opened_batch_id,
        allowed.opened_date as on_date, {{ letters_and_digits('allowed.order_no') }} as order_letters,
        news.pieces_away <= 2 as may_be_new,
        row_number() over (
            order by allowed.side, allowed.scope, allowed.channel_code, allowed.order_no, allowed.own_txn_no
        ) as row_key
    from allowed
    inner join news
        on news.scope = allowed.scope and news.currency = allowed.currency and news.amount_piece = allowed.amount_piece
    where allowed.is_open
)

select * from final
