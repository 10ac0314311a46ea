with before as (
    select * from {{ ref('int_reconciliation__items_before') }}
),

judged as (
    select * from {{ ref('int_reconciliation__items_judged') }}
),

-- Items that are open and untouched stay as they are; only their age moves.
items_now as (
    select
        coalesce(judged.channel_code, before.channel_code) as channel_code,
        coalesce(judged.order_no, before.order_no) as order_no,
        coalesce(judged.direction, before.direction) as direction,
        coalesce(judged.own_txn_no, before.own_txn_no) as own_txn_no,
        coalesce(judged.is_further_line, before.is_further_line) as is_further_line,
        coalesce(judged.currency, before.currency) as currency,
        case when judged.order_no is null then before.left_minor else judged.left_minor end as left_minor,
        case when judged.order_no is null then before.right_minor else judged.right_minor end as right_minor,
        case when judged.order_no is null then before.left_currency else judged.left_currency end as left_currency,
        case when judged.order_no is null then before.right_currency else judged.right_currency end as right_currency,
        case when judged.order_no is null then before.is_order_successful else judged.is_order_successful end as is_order_successful,
        case when judged.order_no is null then before.has_other_currency else judged.is_other_currency end as has_other_currency,
        case when judged.order_no is null then before.mismatched_fields else judged.mismatched_fields end as mismatched_fields,
        case when judged.order_no is null then before.left_fee_minor else judged.left_fee_minor end as left_fee_minor,
        case when judged.order_no is null then before.right_fee_minor else judged.right_fee_minor end as right_fee_minor,
        case when before.is_open then before.is_regressed else before.right_minor is not null end as was_matched,
        coalesce(judged.buffer_days, before.buffer_days) as buffer_days,
        case
            when judged.order_no is null then before.result
            -- REC-REGRESSED: what was matched and differs now opens anew.
            -- REC-LATE: what was open and is equal now is matched late; what was matched and still is keeps its result.
            when judged.finding in ('equal', 'within_tolerance') and judged.is_filled_now then 'matched'
            when judged.finding in ('equal', 'within_tolerance') and not coalesce(before.is_open, true) then before.result
            when judged.finding in ('equal', 'within_tolerance') and before.is_open then 'matched_late'
            when judged.finding in ('equal', 'within_tolerance') then 'matched'
            when judged.finding = 'nothing' and before.is_open then 'matched_late'
            when judged.finding = 'nothing' then before.result
            else judged.finding
        end as result,
        case
            when judged.order_no is null then before.match_kind
            when judged.finding not in ('equal', 'within_tolerance', 'nothing') then null
            when judged.is_filled_now then 'auto_fill'
            when judged.finding = 'within_tolerance' then 'tolerance'
            when before.match_kind = 'auto_fill' and not before.is_open then 'auto_fill'
            when before.is_open or before.result = 'matched_late' then 'late'
            else 'auto'
        end as match_kind,
        before.result as previous_result,
        before.pool as previous_pool,
        before.left_minor as previous_left_minor,
        before.right_minor as previous_right_minor,
        before.left_currency as previous_left_currency,
        before.right_currency as previous_right_currency,
        before.currency as previous_currency,
        coalesce(before.is_open, false) as was_open,
        coalesce(before.is_order_successful, false) as was_order_successful,
        case when before.is_open then before.opened_batch_id else cast({{ batch_id() }} as bigint) end as opened_batch_id,
        case when before.is_open then before.opened_date else {{ batch_date() }} end as opened_date
    from judged
    full outer join before
        on
            before.order_no = judged.order_no and before.channel_code = judged.channel_code
            and before.direction = judged.direction and before.own_txn_no = judged.own_txn_no
    where
        (judged.order_no is not null and (judged.finding <> 'nothing' or before.order_no is not null))
        or (judged.order_no is null and before.is_open)
),

-- REC-BUFFER: ours alone waits in the buffer for buffer_days, then it is an error; everything else that differs is one at once.
pooled as (
    select
        items_now.*,
        case
            when result in ('matched', 'matched_late') then 'none'
            when result = 'platform_only' and {{ batch_date() }} - opened_date <= buffer_days then 'buffer'
            else 'error'
        end as pool
    from items_now
),

final as (
    select
        cast({{ batch_id() }} as bigint) as batch_id,
        {{ batch_date() }} as batch_date,
        channel_code, order_no, direction, own_txn_no, is_further_line, currency, result, pool, previous_result, previous_pool, was_open,
        left_minor, right_minor, previous_left_minor, previous_right_minor,
        left_currency, right_currency, previous_left_currency, previous_right_currency, previous_currency,
        case when not has_other_currency then coalesce(right_minor, 0) - coalesce(left_minor, 0) end as difference_minor,
        is_order_successful, was_order_successful, has_other_currency, mismatched_fields, left_fee_minor, right_fee_minor,
        cast(buffer_days as bigint) as buffer_days, opened_batch_id, opened_date, match_kind,
        was_matched and pool <> 'none' as is_regressed,
        pool <> 'none' as is_open,
        {{ differs('result', 'previous_result') }} or {{ differs('pool', 'previous_pool') }}
        or {{ differs('left_minor', 'previous_left_minor') }} or {{ differs('right_minor', 'previous_right_minor') }}
        or {{ differs('currency', 'previous_currency') }} as is_changed
    from pooled
)

select * from final
where is_changed or is_open
