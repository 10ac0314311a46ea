{{ config(materialized='ephemeral') }}

with highest_versions as (
    select * from {{ ref('int_clearing__highest_versions') }}
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
