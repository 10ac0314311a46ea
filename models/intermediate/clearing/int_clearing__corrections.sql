{{ config(materialized='ephemeral') }}

-- CORR-REVERSE: the highest version of an order takes back what an earlier one cleared, in the batch in which it arrives and whatever
-- its own status: the earlier one is known to be wrong.
with final as (
    select orders.order_no, orders.order_version, orders.ordered_at, orders.ordered_date
    from {{ ref('stg_orders__orders') }} as orders
    inner join {{ ref('int_clearing__highest_versions') }} as highest_versions
        on highest_versions.order_no = orders.order_no and highest_versions.order_version = orders.order_version
    inner join {{ ref('int_clearing__orders_cleared') }} as orders_cleared on orders_cleared.order_no = orders.order_no
    where
        orders.batch_id = {{ batch_id() }} and orders_cleared.is_live and not orders_cleared.is_refunded
        and not orders_cleared.was_refund and orders.order_type <> 'refund'
)

select * from final
