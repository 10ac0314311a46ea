{{ config(materialized='ephemeral') }}

with highest_versions as (
    select * from {{ ref('int_clearing__highest_versions') }}
),

orders_seen as (
    select batch_id, order_no, order_version, order_type, channel_code, currency, minor_per_major, header_amount, status
    from {{ ref('stg_orders__orders') }}
    where batch_id <= {{ batch_id() }} and order_no in (select order_no from {{ ref('int_reconciliation__numbers_looked_at') }})
),

-- Lines come with their order or before it.
line_sums as (
    select order_no, order_version, sum(line_amount) as lines_amount
    from {{ ref('stg_orders__order_lines') }}
    where batch_id <= {{ batch_id() }} and order_no in (select order_no from {{ ref('int_reconciliation__numbers_looked_at') }})
    group by order_no, order_version
),

-- REC-VERSION: only the highest version counts; comparing an outdated one would report differences that were mended.
final as (
    select
        orders_seen.order_no,
        orders_seen.order_version,
        coalesce(orders_seen.channel_code, '') as channel_code,
        case when orders_seen.order_type = 'refund' then 'refund' else 'payment' end as direction,
        orders_seen.currency,
        {{ to_minor(
            'case when line_sums.order_no is null then orders_seen.header_amount else line_sums.lines_amount end',
            'orders_seen.minor_per_major'
        ) }} as order_minor,
        orders_seen.status,
        orders_seen.batch_id = {{ batch_id() }} and orders_seen.order_version = 1 as is_first_seen
    from orders_seen
    left join highest_versions on highest_versions.order_no = orders_seen.order_no
    left join line_sums
        on line_sums.order_no = orders_seen.order_no and line_sums.order_version = orders_seen.order_version
    where orders_seen.order_version = coalesce(highest_versions.order_version, orders_seen.order_version)
)

select * from final
