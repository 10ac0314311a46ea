{{ config(materialized='ephemeral') }}

-- What our side gained and lost in the batch, added up from the orders and not from the items: the control total of the items.
with highest_versions as (
    select * from {{ ref('int_clearing__highest_versions') }}
),

filled as (
    select order_no, order_version, batch_id from {{ ref('int_reconciliation__pairs') }}
    where is_filled_now and batch_id <= {{ batch_id() }}
),

orders_now as (
    select orders.*
    from {{ ref('stg_orders__orders') }} as orders
    left join highest_versions on highest_versions.order_no = orders.order_no
    left join filled on filled.order_no = orders.order_no and filled.order_version = orders.order_version
    where
        orders.order_version = coalesce(highest_versions.order_version, orders.order_version)
        and (
            (orders.batch_id = {{ batch_id() }} and orders.status = 'success')
            or (orders.batch_id <= {{ batch_id() }} and filled.batch_id = {{ batch_id() }})
        )
),

-- The version before, where it counted: its amount leaves our side.
orders_replaced as (
    select
        before.*,
        row_number() over (partition by before.order_no order by before.order_version desc) as place
    from {{ ref('stg_orders__orders') }} as now
    inner join highest_versions on highest_versions.order_no = now.order_no and highest_versions.order_version = now.order_version
    inner join {{ ref('stg_orders__orders') }} as before
        on before.order_no = now.order_no and before.order_version < now.order_version and before.batch_id < {{ batch_id() }}
    where now.batch_id = {{ batch_id() }} and now.order_version > 1
),

orders_moved as (
    select order_no, order_version, channel_code, currency, minor_per_major, header_minor, 1 as sign from orders_now
    union all
    select
        replaced.order_no, replaced.order_version, replaced.channel_code, replaced.currency, replaced.minor_per_major,
        replaced.header_minor, -1
    from orders_replaced as replaced
    left join filled on filled.order_no = replaced.order_no and filled.order_version = replaced.order_version
    where replaced.place = 1 and (replaced.status = 'success' or filled.order_no is not null)
),

line_sums as (
    select order_no, order_version, sum(line_amount) as lines_amount
    from {{ ref('stg_orders__order_lines') }}
    where batch_id <= {{ batch_id() }} and order_no in (select order_no from orders_moved)
    group by order_no, order_version
),

final as (
    select
        coalesce(moved.channel_code, '') as channel_code, moved.currency, {{ minor_sum('moved.sign') }} as left_count,
        {{ minor_sum(
            "moved.sign * case when line_sums.order_no is null then moved.header_minor else "
            ~ to_minor('line_sums.lines_amount', 'moved.minor_per_major') ~ " end"
        ) }} as left_minor
    from orders_moved as moved
    left join line_sums on line_sums.order_no = moved.order_no and line_sums.order_version = moved.order_version
    group by coalesce(moved.channel_code, ''), moved.currency
)

select * from final
