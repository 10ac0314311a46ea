{{ config(materialized='ephemeral') }}

with lines as (
    select * from {{ ref('int_clearing__lines_sorted') }}
    where batch_id = {{ batch_id() }}
),

highest_versions as (
    select * from {{ ref('int_clearing__highest_versions') }}
),

-- INV-ORDERS: every successful order of the batch has cleared in it or is an exception of it.
orders_lost as (
    select orders.order_no
    from {{ ref('stg_orders__orders') }} as orders
    left join highest_versions on highest_versions.order_no = orders.order_no
    where
        orders.batch_id = {{ batch_id() }} and orders.status = 'success'
        and orders.order_version = coalesce(highest_versions.order_version, orders.order_version)
        and orders.order_no not in (select order_no from lines)
),

numbers as (
    select count(*) as line_count, min(clearing_seq) as first_seq, max(clearing_seq) as last_seq
    from lines
    where clearing_seq is not null
),

last_before as (
    select coalesce(max(clearing_seq), 0) as clearing_seq from {{ ref('int_clearing__lines_sorted') }}
    where batch_id < {{ batch_id() }}
),

final as (
    select 'orders_accounted_for' as invariant, count(*) as failing_rows, cast(0 as bigint) as difference_minor from orders_lost
    union all
    select
        'clearing_numbers_without_gaps',
        case
            when numbers.line_count = 0 then 0
            when
                numbers.first_seq = last_before.clearing_seq + 1
                and numbers.last_seq = last_before.clearing_seq + numbers.line_count then 0
            else 1
        end,
        0
    from numbers
    cross join last_before
)

select * from final
