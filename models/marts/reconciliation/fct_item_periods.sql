with changes as (
    select
        batch_id, relation, channel_code, order_no, direction, own_txn_no, is_further_line, result, pool, left_minor, right_minor,
        difference_minor, currency, mismatched_fields, opened_batch_id, match_kind
    from {{ ref('int_reconciliation__items_of_all') }}
    where is_changed
),

changes_ended as (
    select
        changes.*,
        lead(batch_id) over (partition by relation, channel_code, order_no, direction, own_txn_no order by batch_id) as until_batch_id
    from changes
),

-- Plain matches are nearly all items, and nearly none of them changes later: only those that do are looked up.
first_changes as (
    select channel_code, order_no, direction, own_txn_no, min(batch_id) as changed_batch_id
    from changes
    where relation = 'orders_channel'
    group by channel_code, order_no, direction, own_txn_no
),

plain as (
    {{ plain_matches() | indent(4) }}
),

periods as (
    select
        batch_id, relation, until_batch_id, channel_code, order_no, direction, own_txn_no, is_further_line, result, pool, left_minor, right_minor,
        difference_minor, currency, mismatched_fields, opened_batch_id, match_kind
    from changes_ended
    union all
    select
        plain.batch_id, plain.relation, first_changes.changed_batch_id, plain.channel_code, plain.order_no, plain.direction,
        plain.own_txn_no, plain.is_further_line,
        plain.result, plain.pool, plain.left_minor, plain.right_minor, plain.right_minor - plain.left_minor, plain.currency,
        plain.mismatched_fields, plain.opened_batch_id, plain.match_kind
    from plain
    left join first_changes
        on
            first_changes.order_no = plain.order_no and first_changes.channel_code = plain.channel_code
            and first_changes.direction = plain.direction and first_changes.own_txn_no = plain.own_txn_no
),

-- REC-KNOWN: what was known at the close of batch N is every row that begins in N or before and does not end by N.
final as (
    select
        relation,
        {{ item_key() }} as item_key,
        batch_id as from_batch_id,
        until_batch_id,
        channel_code,
        order_no,
        result,
        pool,
        left_minor,
        right_minor,
        difference_minor,
        currency,
        mismatched_fields,
        opened_batch_id,
        match_kind
    from periods
)

select * from final
