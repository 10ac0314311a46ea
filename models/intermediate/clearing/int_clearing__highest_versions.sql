{{ config(materialized='ephemeral') }}

-- SORT-VERSION: the highest version of an order up to the batch is the one that counts. Most orders have only one and are not here.
with final as (
    select order_no, max(order_version) as order_version
    from {{ ref('stg_orders__orders') }}
    where batch_id <= {{ batch_id() }} and order_version > 1
    group by order_no
)

select * from final
