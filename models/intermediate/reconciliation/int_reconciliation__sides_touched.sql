{{ config(materialized='ephemeral') }}

with lines_touched as (
    select * from {{ ref('int_reconciliation__statements_touched') }}
),

line_sums as (
    select
        item_channel_code,
        order_no,
        direction,
        count(*) as line_count,
        min(statement_grouping) as statement_grouping,
        {{ minor_sum('amount_minor') }} as amount_minor,
        {{ minor_sum('fee_minor') }} as fee_minor,
        count(*) - count(amount_minor) as unknown_amount_count,
        min(currency) as currency,
        max(currency) as other_currency
    from lines_touched
    group by item_channel_code, order_no, direction
),

crowded as (
    select item_channel_code, order_no, direction from line_sums
    where line_count > 1 and statement_grouping = 'single'
),

lines_ranked as (
    select
        lines_touched.*,
        row_number() over (
            partition by lines_touched.item_channel_code, lines_touched.order_no, lines_touched.direction
            order by
                lines_touched.batch_id, lines_touched.completed_at nulls last,
                {{ bytewise('lines_touched.channel_txn_no') }}, {{ bytewise('lines_touched.channel_code') }}
        ) as line_rank
    from lines_touched
    inner join crowded
        on
            crowded.item_channel_code = lines_touched.item_channel_code
            and crowded.order_no = lines_touched.order_no
            and crowded.direction = lines_touched.direction
),

-- REC-SUM: lines that are not crowded out are added up.
-- REC-SINGLE: the first line is the item's, each further one an item of its own; adding them up would hide a double payment.
final as (
    select
        line_sums.item_channel_code as channel_code,
        line_sums.order_no,
        line_sums.direction,
        '' as own_txn_no,
        false as is_further_line,
        case
            when line_sums.unknown_amount_count = 0 and line_sums.currency = line_sums.other_currency then line_sums.amount_minor
        end as amount_minor,
        line_sums.fee_minor,
        -- Lines of one item in two currencies have no common sum: no currency, so the item differs in currency.
        case when line_sums.currency = line_sums.other_currency then line_sums.currency else '' end as currency,
        false as is_first_seen
    from line_sums
    left join crowded
        on
            crowded.item_channel_code = line_sums.item_channel_code
            and crowded.order_no = line_sums.order_no
            and crowded.direction = line_sums.direction
    where crowded.order_no is null
    union all
    select
        item_channel_code,
        order_no,
        direction,
        -- REC-CHANNEL: where the lines of all channels meet, their numbers are told apart by the channel; two channels use the same.
        case
            when line_rank = 1 then ''
            when item_channel_code = '' then channel_code || '|' || channel_txn_no
            else channel_txn_no
        end,
        line_rank > 1,
        amount_minor,
        fee_minor,
        currency,
        false
    from lines_ranked
    union all
    select
        case when any_channel.order_no is null then lines.channel_code else '' end,
        coalesce(lines.order_no, ''),
        lines.direction,
        case when lines.order_no is null then lines.channel_txn_no else '' end,
        false,
        lines.amount_minor,
        lines.fee_minor,
        lines.currency,
        true
    from {{ ref('int_reconciliation__lines_looked_at') }} as lines
    left join {{ ref('int_reconciliation__numbers_crowded') }} as crowded_numbers on crowded_numbers.order_no = lines.order_no
    left join {{ ref('int_reconciliation__orders_of_any_channel') }} as any_channel
        on any_channel.order_no = lines.order_no and any_channel.direction = lines.direction
    where crowded_numbers.order_no is null
    union all
    -- A line without a number whose assignment is taken back is an item of its own again.
    select channel_code, '', direction, channel_txn_no, false, amount_minor, fee_minor, currency, false
    from {{ ref('int_reconciliation__lines_moved') }}
    where order_no is null and order_no_before is not null
)

select * from final
