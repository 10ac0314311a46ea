{{ config(materialized='ephemeral') }}

with highest_versions as (
    select * from {{ ref('int_clearing__highest_versions') }}
),

-- A lower version that comes late touches the item but does not change it: the version that counts came before.
outdated_now as (
    select orders.order_no
    from {{ ref('stg_orders__orders') }} as orders
    inner join highest_versions on highest_versions.order_no = orders.order_no
    where orders.batch_id = {{ batch_id() }} and orders.order_version < highest_versions.order_version
),

-- One list of numbers, not two conditions: each row of history is looked up once.
orders_seen as (
    select batch_id, order_no, order_version, order_type, channel_code, currency, minor_per_major, header_minor, status
    from {{ ref('stg_orders__orders') }}
    where batch_id = {{ batch_id() }}
    union all
    select batch_id, order_no, order_version, order_type, channel_code, currency, minor_per_major, header_minor, status
    from {{ ref('stg_orders__orders') }}
    where
        batch_id < {{ batch_id() }}
        and order_no in (
            select order_no from {{ ref('stg_channel__payments') }}
            where batch_id = {{ batch_id() }} and status = 'success' and order_no is not null
            union all
            select order_no from outdated_now
            union all
            select order_no from {{ ref('int_reconciliation__decisions_due') }}
            where action = 'auto_fill' or is_moving_a_line
        )
),

-- Lines come with their order or before it, so the lines of orders seen earlier are found by the second half.
line_sums as (
    select order_no, order_version, sum(line_amount) as lines_amount
    from {{ ref('stg_orders__order_lines') }}
    where
        batch_id = {{ batch_id() }}
        or (
            batch_id < {{ batch_id() }}
            and order_no in (
                select order_no from {{ ref('stg_channel__payments') }}
                where batch_id = {{ batch_id() }} and status = 'success' and order_no is not null
                union all
                select order_no from {{ ref('stg_orders__orders') }}
                where batch_id = {{ batch_id() }}
                union all
                select order_no from {{ ref('int_reconciliation__decisions_due') }}
                where action = 'auto_fill' or is_moving_a_line
            )
        )
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
        case
            when line_sums.order_no is null then orders_seen.header_minor
            else {{ to_minor('line_sums.lines_amount', 'orders_seen.minor_per_major') }}
        end as order_minor,
        orders_seen.status,
        orders_seen.batch_id = {{ batch_id() }} and orders_seen.order_version = 1 as is_first_seen
    from orders_seen
    left join highest_versions on highest_versions.order_no = orders_seen.order_no
    left join line_sums
        on line_sums.order_no = orders_seen.order_no and line_sums.order_version = orders_seen.order_version
    where orders_seen.order_version = coalesce(highest_versions.order_version, orders_seen.order_version)
)

select * from final
