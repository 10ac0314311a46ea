with decisions as (
    select * from {{ source('raw', 'decisions') }}
),

-- REC-DECIDE: what was decided after batch N takes effect in batch N + 1; a batch that is built is closed for good.
final as (
    select
        decision_seq,
        decision_no,
        relation,
        item_key,
        order_no,
        action,
        other_item_key,
        other_order_no,
        line_channel_code,
        line_txn_no,
        takes_back_no,
        reason,
        decided_by,
        decided_at,
        after_batch_id,
        after_batch_id + 1 as effective_batch_id
    from decisions
)

select * from final
