{#- The orders of new business that are due in a batch. A macro, because two steps of one statement read them: a step read twice would be
    kept in memory whole, with all its columns. -#}
{% macro orders_due() -%}
with highest_versions as (
    select * from {{ ref('int_clearing__highest_versions') }}
),

orders_cleared as (
    select * from {{ ref('int_clearing__orders_cleared') }}
),

orders_seen as (
    select orders.*, true as is_successful
    from {{ ref('stg_orders__orders') }} as orders
    where orders.batch_id = {{ batch_id() }} and orders.status = 'success' and orders.order_type <> 'refund'
    union all
    select orders.*, orders.status = 'success' or waiting.is_filled as is_successful
    from {{ ref('stg_orders__orders') }} as orders
    inner join {{ ref('int_clearing__orders_waiting') }} as waiting
        on waiting.order_no = orders.order_no and waiting.order_version = orders.order_version
    where
        orders.batch_id <= {{ batch_id() }}
        and not (orders.order_type = 'refund' and (orders.status = 'success' or waiting.is_filled))
    union all
    -- CORR-REFUSED: a version that would only take back what has been refunded is told once, though it would not clear itself.
    select orders.*, false as is_successful
    from {{ ref('stg_orders__orders') }} as orders
    inner join orders_cleared on orders_cleared.order_no = orders.order_no
    left join {{ ref('int_clearing__orders_waiting') }} as waiting
        on waiting.order_no = orders.order_no and waiting.order_version = orders.order_version
    where
        orders.batch_id = {{ batch_id() }} and orders.status <> 'success' and waiting.order_no is null
        and (orders_cleared.is_live or orders_cleared.was_refund)
        and (orders_cleared.is_refunded or orders_cleared.was_refund or orders.order_type = 'refund')
),

-- SORT-VERSION: only the highest version is due.
final as (
    select
        orders_seen.*,
        orders_cleared.order_no is not null as is_correction,
        coalesce(
            orders_cleared.is_refunded or orders_cleared.was_refund
            or (orders_cleared.order_no is not null and orders_seen.order_type = 'refund'), false
        ) as is_refused
    from orders_seen
    left join highest_versions on highest_versions.order_no = orders_seen.order_no
    left join orders_cleared on orders_cleared.order_no = orders_seen.order_no
    where orders_seen.order_version = coalesce(highest_versions.order_version, orders_seen.order_version)
)

select * from final
{%- endmacro %}
