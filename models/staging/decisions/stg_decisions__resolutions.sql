with decisions as (
    select * from {{ source('raw', 'decisions') }}
),

-- What is taken back before it takes effect never does, and neither does what took it back.
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
        after_batch_id + 1 as effective_batch_id,
        exists (
            select 1 from decisions as others
            where
                others.after_batch_id = decisions.after_batch_id
                and (others.takes_back_no = decisions.decision_no or others.decision_no = decisions.takes_back_no)
        ) as is_withdrawn
    from decisions
)

select * from final
