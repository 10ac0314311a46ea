{#- Every item that is touched, open, or whose decision is taken back, as judging alone leaves it: `judged` against what was known `before`. -#}
{% macro items_now(judged, before, decisions_due) -%}
with decisions_due as (
    select * from {{ decisions_due }}
),

before as (
    select * from {{ before }}
),

judged as (
    select * from {{ judged }}
),

-- Items that are open and untouched stay as they are; only their age moves.
final as (
    select
        coalesce(judged.relation, before.relation) as relation,
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
        case
            when before.is_open then before.is_regressed
            else before.right_minor is not null or coalesce(before.result not in ('matched', 'matched_late'), false)
        end as was_matched,
        coalesce(judged.buffer_days, before.buffer_days) as buffer_days,
        case
            when judged.order_no is null then before.result
            -- REC-REGRESSED: what was matched and differs now opens anew.
            -- REC-LATE: what differed and is equal now is matched late; what was matched and still is keeps its result.
            when judged.finding in ('equal', 'within_tolerance') and judged.is_filled_now then 'matched'
            when judged.finding in ('equal', 'within_tolerance', 'nothing') and before.result in ('matched', 'matched_late') then before.result
            when judged.finding in ('equal', 'within_tolerance', 'nothing') and before.order_no is not null then 'matched_late'
            when judged.finding in ('equal', 'within_tolerance') then 'matched'
            else judged.finding
        end as result,
        case
            when judged.order_no is null then before.match_kind
            when judged.finding not in ('equal', 'within_tolerance', 'nothing') then null
            when judged.is_filled_now then 'auto_fill'
            when judged.finding = 'within_tolerance' then 'tolerance'
            when before.match_kind = 'auto_fill' and not before.is_open then 'auto_fill'
            when before.result <> 'matched' then 'late'
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
        before.decision_no as previous_decision_no,
        coalesce(judged.is_filled_now, false) as is_filled_now,
        -- Nothing about the item is other than it was: what was decided about it is still about this.
        judged.order_no is null
        or not coalesce(
            {{ differs('judged.finding', 'before.result') }}
            or {{ differs('judged.left_minor', 'before.left_minor') }} or {{ differs('judged.right_minor', 'before.right_minor') }}
            or {{ differs('judged.currency', 'before.currency') }}
            or {{ differs('judged.left_fee_minor', 'before.left_fee_minor') }}
            or {{ differs('judged.right_fee_minor', 'before.right_fee_minor') }}
            or {{ differs('judged.is_order_successful', 'before.is_order_successful') }}, true
        ) as is_as_before,
        case when before.is_open then before.opened_batch_id else cast({{ batch_id() }} as bigint) end as opened_batch_id,
        case when before.is_open then before.opened_date else {{ batch_date() }} end as opened_date
    from judged
    full outer join before
        on
            before.order_no = judged.order_no and before.relation = judged.relation and before.channel_code = judged.channel_code
            and before.direction = judged.direction and before.own_txn_no = judged.own_txn_no
    where
        (judged.order_no is not null and (judged.finding <> 'nothing' or before.order_no is not null))
        or (judged.order_no is null and (before.is_open or before.decision_no in (select takes_back_no from decisions_due)))
)

select * from final
{%- endmacro %}
