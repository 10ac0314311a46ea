{{ config(materialized='ephemeral') }}

-- What our side gained and lost in the batch, added up from the orders and not from the items: the control total of the items.
with highest_versions as (
    select * from {{ ref('int_clearing__highest_versions') }}
),

filled as (
    select order_no, order_version, batch_id from {{ ref('int_reconciliation__pairs') }}
    where is_filled_now and batch_id <= {{ batch_id() }}
),

numbers_paired as (
    select distinct order_no from {{ ref('int_reconciliation__pairs') }}
    where batch_id = {{ batch_id() }}
),

-- An order that is filled now may have come in any batch.
orders_now as (
    select
        orders.order_no, orders.order_version, orders.channel_code, orders.currency, orders.minor_per_major, orders.header_minor,
        -- REC-PLAIN: as plain_matches() has it. They are counted here, where every order of the batch is read anyway.
        orders.order_version = 1 and orders.status = 'success' and numbers_paired.order_no is null as is_plain_match
    from {{ ref('stg_orders__orders') }} as orders
    left join highest_versions on highest_versions.order_no = orders.order_no
    left join filled on filled.order_no = orders.order_no and filled.order_version = orders.order_version
    left join numbers_paired on numbers_paired.order_no = orders.order_no
    where
        orders.batch_id = {{ batch_id() }} and orders.order_version = coalesce(highest_versions.order_version, orders.order_version)
        and (orders.status = 'success' or filled.batch_id = {{ batch_id() }})
    union all
    select
        orders.order_no, orders.order_version, orders.channel_code, orders.currency, orders.minor_per_major, orders.header_minor, false
    from {{ ref('stg_orders__orders') }} as orders
    inner join filled on filled.order_no = orders.order_no and filled.order_version = orders.order_version
    left join highest_versions on highest_versions.order_no = orders.order_no
    where
        orders.batch_id < {{ batch_id() }} and orders.order_version = coalesce(highest_versions.order_version, orders.order_version)
        and filled.batch_id = {{ batch_id() }}
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
    select
        order_no, order_version, channel_code, currency, minor_per_major, header_minor, 1 as sign, case when is_plain_match then 1 else 0 end as plain
    from orders_now
    union all
    select
        replaced.order_no, replaced.order_version, replaced.channel_code, replaced.currency, replaced.minor_per_major,
        replaced.header_minor, -1, 0
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

amounts as (
    select
        coalesce(moved.channel_code, '') as channel_code, moved.currency, moved.sign, moved.plain,
        case
            when line_sums.order_no is null then moved.header_minor
            else {{ to_minor('line_sums.lines_amount', 'moved.minor_per_major') }}
        end as amount_minor
    from orders_moved as moved
    left join line_sums on line_sums.order_no = moved.order_no and line_sums.order_version = moved.order_version
),

final as (
    select
        channel_code, currency,
        {{ minor_sum('sign') }} as left_count, {{ minor_sum('sign * amount_minor') }} as left_minor,
        {{ minor_sum('plain') }} as plain_count, {{ minor_sum('plain * amount_minor') }} as plain_minor
    from amounts
    group by channel_code, currency
)

select * from final
