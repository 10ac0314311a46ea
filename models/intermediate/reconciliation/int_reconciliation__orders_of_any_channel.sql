{{ config(materialized='ephemeral') }}

with highest_versions as (
    select order_no, max(order_version) as order_version
    from {{ ref('stg_orders__orders') }}
    where batch_id <= {{ batch_id() }} and order_version > 1
    group by order_no
),

final as (
    select
        orders.order_no,
        case when orders.order_type = 'refund' then 'refund' else 'payment' end as direction
    from {{ ref('stg_orders__orders') }} as orders
    left join highest_versions on highest_versions.order_no = orders.order_no
    where
        orders.batch_id <= {{ batch_id() }} and orders.channel_code is null
        and orders.order_version = coalesce(highest_versions.order_version, orders.order_version)
)

select * from final
