{{ config(materialized='ephemeral') }}

with spvs as (
    select * from {{ ref('int_reconciliation__spvs_compared') }}
),

products as (
    select distinct product_code, spv_code from {{ ref('products') }}
    where spv_code in (select spv_code from spvs)
),

highest_versions as (
    select * from {{ ref('int_clearing__highest_versions') }}
),

numbers_touched as (
    select order_no from {{ ref('stg_orders__orders') }}
    where batch_id = {{ batch_id() }} and product_code in (select product_code from products)
    union
    select order_no from {{ ref('stg_orders__orders') }}
    where
        batch_id = {{ batch_id() }}
        and order_no in (
            select order_no from {{ history_of('int_reconciliation__spv_pairs') }}
            where batch_id < {{ batch_id() }}
        )
    union
    select order_no from {{ ref('stg_spv__reports') }}
    where (from_batch_id = {{ batch_id() }} or until_batch_id = {{ batch_id() }}) and order_no is not null
),

line_sums as (
    select order_no, order_version, sum(line_amount) as lines_amount
    from {{ ref('stg_orders__order_lines') }}
    where batch_id <= {{ batch_id() }} and order_no in (select order_no from numbers_touched)
    group by order_no, order_version
),

orders as (
    select
        orders.batch_id, orders.order_no, orders.order_version, orders.order_type, orders.currency, orders.minor_per_major,
        orders.header_minor, orders.status, products.spv_code
    from {{ ref('stg_orders__orders') }} as orders
    inner join products on products.product_code = orders.product_code
    left join highest_versions on highest_versions.order_no = orders.order_no
    where
        orders.batch_id <= {{ batch_id() }} and orders.order_no in (select order_no from numbers_touched)
        and orders.order_version = coalesce(highest_versions.order_version, orders.order_version)
        and orders.order_type in ('subscription', 'redemption', 'repayment', 'compensation')
),

-- REC-SPV: who pays in the borrower's place repays all the same. A number without an order has a row that says so.
final as (
    select
        touched.order_no,
        orders.spv_code,
        case when orders.order_type = 'compensation' then 'repayment' else orders.order_type end as report_kind,
        orders.currency,
        case
            when line_sums.order_no is null then orders.header_minor
            else {{ to_minor('line_sums.lines_amount', 'orders.minor_per_major') }}
        end as order_minor,
        orders.status = 'success' as is_successful
    from numbers_touched as touched
    left join orders on orders.order_no = touched.order_no
    left join line_sums on line_sums.order_no = orders.order_no and line_sums.order_version = orders.order_version
)

select * from final
