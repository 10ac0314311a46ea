with decisions as (
    select * from {{ ref('stg_decisions__resolutions') }}
),

last_batch as (
    select coalesce(max(batch_id), 0) as batch_id from {{ ref('stg_loads__batches_built') }}
),

items_decided as (
    select
        batch_id, relation, {{ item_key() }} as item_key, decision_no, channel_code, result, currency, left_minor, right_minor, difference_minor,
        coalesce(right_minor, 0) - case when is_order_successful then coalesce(left_minor, 0) else 0 end as amount_gap_minor,
        case when mismatched_fields like '%fee%' then right_fee_minor - left_fee_minor else 0 end as fee_gap_minor
    from {{ ref('int_reconciliation__items_of_all') }}
    where decision_no is not null and is_changed
),

decisions_done as (
    select distinct decision_no from items_decided
),

taken_back as (
    select decisions.takes_back_no as decision_no, decisions.decision_no as taken_back_by
    from decisions
    inner join decisions_done on decisions_done.decision_no = decisions.decision_no
    where decisions.action = 'reopen'
),

-- A decision about two items has a row for each of them.
parts as (
    select decision_no, item_key, order_no, other_item_key from decisions
    union all
    select decision_no, other_item_key, other_order_no, item_key from decisions
    where other_item_key is not null
),

-- REC-DECIDE: what the ledger has to book for a decision; a reopening books the opposite of what it takes back.
adjusted as (
    select
        decisions.*,
        parts.item_key as part_item_key,
        parts.order_no as part_order_no,
        parts.other_item_key as part_other_item_key,
        items_decided.channel_code, items_decided.result, items_decided.currency, items_decided.left_minor, items_decided.right_minor,
        items_decided.difference_minor,
        case
            when decisions.is_withdrawn then 'withdrawn'
            when decisions.effective_batch_id > last_batch.batch_id then 'waiting'
            when decisions_done.decision_no is null then 'lapsed'
            when taken_back.decision_no is not null then 'taken back'
            else 'in force'
        end as state,
        taken_back.taken_back_by,
        items_decided.amount_gap_minor,
        items_decided.fee_gap_minor,
        case
            when decisions.action in ('level_out', 'write_off_match') then 1
            when undone.action in ('level_out', 'write_off_match') then -1
            else 0
        end as sign
    from decisions
    cross join last_batch
    inner join parts on parts.decision_no = decisions.decision_no
    left join items_decided
        on
            items_decided.decision_no = decisions.decision_no and items_decided.item_key = parts.item_key
            and items_decided.relation = decisions.relation
    left join decisions_done on decisions_done.decision_no = decisions.decision_no
    left join taken_back on taken_back.decision_no = decisions.decision_no
    left join decisions as undone on undone.decision_no = decisions.takes_back_no
),

final as (
    select
        decision_no,
        effective_batch_id as batch_id,
        relation,
        part_item_key as item_key,
        part_order_no as order_no,
        action,
        part_other_item_key as other_item_key,
        line_channel_code,
        line_txn_no,
        state,
        takes_back_no,
        taken_back_by,
        channel_code,
        result,
        currency,
        left_minor,
        right_minor,
        difference_minor,
        cast(sign * amount_gap_minor as bigint) as adjusted_minor,
        cast(sign * fee_gap_minor as bigint) as adjusted_fee_minor,
        {{ minor_sum('sign * amount_gap_minor', 'partition by decision_no') }} as residual_minor,
        reason,
        decided_by,
        decided_at,
        after_batch_id
    from adjusted
)

select * from final
