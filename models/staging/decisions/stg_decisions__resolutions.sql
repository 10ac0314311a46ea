with decisions as (
    select * from {{ source('raw', 'decisions') }}
),

-- What is taken back before it takes effect never does, and neither does what took it back.
withdrawn as (
    select takes_back_no as decision_no, after_batch_id, decision_no as other_no from decisions
    where takes_back_no is not null
),

-- REC-DECIDE: what was decided after batch N takes effect in batch N + 1; a batch that is built is closed for good.
final as (
    select
        decisions.decision_seq,
        decisions.decision_no,
        decisions.relation,
        decisions.item_key,
        decisions.order_no,
        decisions.action,
        decisions.other_item_key,
        decisions.other_order_no,
        decisions.line_channel_code,
        decisions.line_txn_no,
        decisions.takes_back_no,
        decisions.reason,
        decisions.decided_by,
        decisions.decided_at,
        decisions.after_batch_id,
        decisions.after_batch_id + 1 as effective_batch_id,
        taken_back.other_no is not null or undone.decision_no is not null as is_withdrawn
    from decisions
    left join withdrawn as taken_back
        on taken_back.decision_no = decisions.decision_no and taken_back.after_batch_id = decisions.after_batch_id
    left join decisions as undone
        on undone.decision_no = decisions.takes_back_no and undone.after_batch_id = decisions.after_batch_id
)

select * from final
