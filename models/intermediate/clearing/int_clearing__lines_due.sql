{{ config(materialized='ephemeral') }}

with orders as (
    select * from {{ ref('int_clearing__orders_due') }}
),

lines as (
    select batch_id, order_no, order_version, line_no, participant_id, product_code, line_amount, attributes
    from {{ ref('stg_orders__order_lines') }}
    where batch_id <= {{ batch_id() }}
),

totals as (
    select order_no, order_version, count(*) as line_count, sum(line_amount) as lines_amount
    from lines
    where
        order_no in (
            select order_no from {{ ref('stg_orders__orders') }}
            where batch_id = {{ batch_id() }}
        )
        or order_no in (select order_no from {{ ref('int_clearing__orders_waiting') }})
    group by order_no, order_version
),

final as (
    select
        orders.order_no,
        orders.order_version,
        coalesce(lines.line_no, 1) as line_no,
        lines.order_no is not null as has_lines,
        orders.is_correction,
        orders.is_refused,
        orders.is_successful,
        {{ case_key('orders', 'lines') }} as case_key,
        orders.order_type,
        orders.currency,
        orders.ordered_date,
        coalesce(lines.product_code, orders.product_code) as product_code,
        coalesce(lines.participant_id, orders.participant_id) as participant_id,
        orders.channel_code,
        orders.minor_per_major,
        orders.has_header_amount,
        orders.header_minor,
        case
            when lines.order_no is null then orders.header_minor
            else {{ to_minor('lines.line_amount', 'orders.minor_per_major') }}
        end as amount_minor,
        {{ to_minor('totals.lines_amount', 'orders.minor_per_major') }} as lines_minor,
        coalesce(totals.line_count, 1) as line_count,
        orders.ordered_at,
        lines.attributes as line_attributes,
        orders.attributes as order_attributes
    from orders
    left join lines
        on lines.order_no = orders.order_no and lines.order_version = orders.order_version and lines.batch_id <= orders.batch_id
    left join totals on totals.order_no = orders.order_no and totals.order_version = orders.order_version
)

select * from final
