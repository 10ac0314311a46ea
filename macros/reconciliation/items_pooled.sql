{#- The items of a batch as they close: in which pool, closed by which decision, changed or not. `items_now` is a step of items as judging
    leaves them. -#}
{% macro items_pooled(items_now, decisions_due) -%}
with items_now as (
    select items.*, {{ item_key() }} as item_key
    from {{ items_now }} as items
),

decisions_due as (
    select * from {{ decisions_due }}
),

-- REC-DECIDE: a decision closes what was decided about: all its items, open and as they stood. Where one of them is another by now it lapses,
-- or money would be written off that nobody has looked at.
standing as (
    select decisions_due.decision_no, decisions_due.item_count
    from decisions_due
    inner join items_now on items_now.item_key = decisions_due.item_key and items_now.relation = decisions_due.relation
    where decisions_due.action in ('level_out', 'write_off_match') and items_now.was_open and items_now.is_as_before
    group by decisions_due.decision_no, decisions_due.item_count
    having count(*) = decisions_due.item_count
),

decided as (
    select
        items_now.*,
        decisions_due.action,
        decisions_due.decision_no as due_decision_no,
        standing.decision_no is not null as is_closed_now,
        coalesce(decisions_due.action = 'reopen' and items_now.previous_decision_no = decisions_due.takes_back_no, false) as is_taken_back,
        -- What a decision closed stays closed while nothing about it changes; its result says what was found, not that it was equal.
        not items_now.was_open and items_now.is_as_before
        and coalesce(items_now.previous_result not in ('matched', 'matched_late'), false) as is_closed_by_decision
    from items_now
    left join decisions_due on decisions_due.item_key = items_now.item_key and decisions_due.relation = items_now.relation
    left join standing on standing.decision_no = decisions_due.decision_no
),

-- REC-BUFFER: ours alone waits in the buffer for buffer_days, then it is an error; everything else that differs is one at once.
pooled as (
    select
        decided.*,
        case
            when result in ('matched', 'matched_late') or is_closed_now or (is_closed_by_decision and not is_taken_back) then 'none'
            when result = 'platform_only' and {{ batch_date() }} - opened_date <= buffer_days then 'buffer'
            else 'error'
        end as pool,
        is_closed_now or (action = 'auto_fill' and is_filled_now)
        or coalesce(action = 'reassign' or (action = 'reopen' and (is_taken_back or not is_as_before)), false) as is_by_decision
    from decided
),

final as (
    select
        cast({{ batch_id() }} as bigint) as batch_id,
        {{ batch_date() }} as batch_date,
        relation, channel_code, order_no, direction, own_txn_no, is_further_line, currency, result, pool, previous_result, previous_pool, was_open,
        left_minor, right_minor, previous_left_minor, previous_right_minor,
        left_currency, right_currency, previous_left_currency, previous_right_currency, previous_currency,
        case when not has_other_currency then coalesce(right_minor, 0) - coalesce(left_minor, 0) end as difference_minor,
        is_order_successful, was_order_successful, has_other_currency, mismatched_fields, left_fee_minor, right_fee_minor,
        cast(buffer_days as bigint) as buffer_days, opened_batch_id, opened_date,
        case
            when is_by_decision and action <> 'reopen' and pool = 'none' then 'manual'
            when pool = 'none' then match_kind
        end as match_kind,
        case when is_by_decision then due_decision_no end as decision_no,
        was_matched and not (is_taken_back and is_as_before) and pool <> 'none' as is_regressed,
        pool <> 'none' as is_open,
        {{ differs('result', 'previous_result') }} or {{ differs('pool', 'previous_pool') }}
        or {{ differs('left_minor', 'previous_left_minor') }} or {{ differs('right_minor', 'previous_right_minor') }}
        or {{ differs('currency', 'previous_currency') }} as is_changed
    from pooled
)

select * from final
where is_changed or is_open
{%- endmacro %}
