{{ config(materialized='ephemeral') }}

with highest_versions as (
    select * from {{ ref('int_clearing__highest_versions') }}
),

orders_seen as (
    select * from {{ ref('stg_orders__orders') }}
    where batch_id = {{ batch_id() }} and status = 'success' and order_type <> 'refund'
    union all
    select orders.*
    from {{ ref('stg_orders__orders') }} as orders
    inner join {{ ref('int_clearing__orders_waiting') }} as waiting
        on waiting.order_no = orders.order_no and waiting.order_version = orders.order_version
    where orders.batch_id <= {{ batch_id() }}
),

judged_before as (
    select order_no, order_version, max(case when reason_rank is null then 0 else 1 end) as has_reason
    from {{ history_of('int_clearing__lines_judged') }}
    where batch_id < {{ batch_id() }} and order_no in (select order_no from highest_versions)
    group by order_no, order_version, batch_id
),

cleared_before as (
    select distinct order_no from judged_before
    where has_reason = 0
),

-- SORT-VERSION: only the highest version is due; what an earlier one cleared must be reversed before a new one may clear.
final as (
    select
        orders_seen.*,
        cleared_before.order_no is not null as is_correction
    from orders_seen
    left join highest_versions on highest_versions.order_no = orders_seen.order_no
    left join cleared_before on cleared_before.order_no = orders_seen.order_no
    where orders_seen.order_version = coalesce(highest_versions.order_version, orders_seen.order_version)
)

select * from final
