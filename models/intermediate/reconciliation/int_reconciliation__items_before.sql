{{ config(materialized='ephemeral') }}

-- The last row of every item that matters now: open at the close of the batch before, or touched in this one.
with touched as (
    select distinct order_no from {{ ref('int_reconciliation__pairs') }}
    where batch_id = {{ batch_id() }}
),

rows_before as (
    select history.*
    from {{ history_of('int_reconciliation__items') }} as history
    where
        history.batch_id < {{ batch_id() }}
        and (
            (history.batch_id = {{ batch_id() }} - 1 and history.is_open)
            or (history.is_changed and history.order_no in (select order_no from touched))
        )
),

ranked as (
    select
        rows_before.*,
        row_number() over (partition by channel_code, order_no, direction, own_txn_no order by batch_id desc) as place
    from rows_before
),

final as (
    select * from ranked
    where place = 1
)

select * from final
