with items as (
    select
        batch_id, relation, channel_code, order_no, direction, own_txn_no, is_further_line, result, pool, previous_result, left_minor, right_minor,
        difference_minor, currency, mismatched_fields, opened_batch_id, match_kind, decision_no
    from {{ ref('int_reconciliation__items_of_all') }}
    where is_changed
    union all
    select
        batch_id, relation, channel_code, order_no, direction, own_txn_no, is_further_line, result, pool, null, left_minor, right_minor,
        right_minor - left_minor, currency, mismatched_fields, opened_batch_id, match_kind, decision_no
    from ({{ plain_matches() }}) as plain
),

final as (
    select
        items.batch_id,
        batches.batch_date,
        items.relation,
        {{ item_key('items.relation') }} as item_key,
        items.channel_code,
        items.order_no,
        items.result,
        items.pool,
        items.previous_result,
        items.left_minor,
        items.right_minor,
        items.difference_minor,
        items.currency,
        items.mismatched_fields,
        items.opened_batch_id,
        items.match_kind,
        items.decision_no
    from items
    inner join {{ ref('stg_loads__batches') }} as batches on batches.batch_id = items.batch_id
)

select * from final
