{{ config(materialized='ephemeral') }}

-- The last row of every item that matters now: open at the close of the batch before, or touched in this one.
with touched as (
    select distinct order_no from {{ ref('int_reconciliation__pairs') }}
    where batch_id = {{ batch_id() }}
    union
    select settlement_batch_no from {{ ref('int_reconciliation__deposit_pairs') }}
    where batch_id = {{ batch_id() }}
    union
    select order_no from {{ ref('int_reconciliation__spv_pairs') }}
    where batch_id = {{ batch_id() }}
    union
    select order_no from {{ ref('int_reconciliation__decisions_due') }}
),

rows_before as (
    select
        batch_id, relation, channel_code, order_no, direction, own_txn_no, is_further_line, currency, result, pool, left_minor, right_minor,
        left_currency, right_currency, is_order_successful, has_other_currency, mismatched_fields, buffer_days, opened_batch_id,
        opened_date, match_kind, decision_no, is_open, is_regressed, left_fee_minor, right_fee_minor
    from {{ history_of('int_reconciliation__items') }}
    where
        batch_id < {{ batch_id() }}
        and (
            (batch_id = {{ batch_id() }} - 1 and is_open)
            or (is_changed and order_no in (select order_no from touched))
        )
    union all
    {{ plain_matches('< ' ~ batch_id(), 'select order_no from touched') | indent(4) }}
),

ranked as (
    select
        rows_before.*,
        row_number() over (partition by relation, channel_code, order_no, direction, own_txn_no order by batch_id desc) as place
    from rows_before
),

final as (
    select * from ranked
    where place = 1
)

select * from final
