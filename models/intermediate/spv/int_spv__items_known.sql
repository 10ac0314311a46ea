{{ config(materialized='ephemeral') }}

-- Every item of the orders in the batch's reports, as reconciliation left it: what the two sides say of one order cannot be found twice.
with ranked as (
    select
        channel_code as spv_code, order_no, direction as report_kind, own_txn_no, result, pool, left_minor, difference_minor,
        row_number() over (partition by channel_code, order_no, direction, own_txn_no order by batch_id desc) as place
    from {{ ref('int_reconciliation__items') }}
    where
        relation = 'orders_spv' and batch_id <= {{ batch_id() }} and is_changed
        and (
            order_no in (select order_no from {{ ref('int_spv__orders_touched') }})
            or order_no in (
                select coalesce(order_no, '') from {{ ref('stg_spv__reports') }}
                where from_batch_id = {{ batch_id() }}
            )
        )
),

final as (
    select * from ranked
    where place = 1
)

select * from final
