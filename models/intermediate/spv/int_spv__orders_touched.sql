{{ config(materialized='ephemeral') }}

with products as (
    select product_code, coalesce(spv_code, '') as spv_code from {{ ref('products') }}
),

products_of_spvs as (
    select product_code from products
    where spv_code <> ''
),

products_of_nobody as (
    select product_code from products
    where spv_code = '' and product_code is not null
),

highest_versions as (
    select * from {{ ref('int_clearing__highest_versions') }}
),

-- SPV-OUT: an order of a product that nobody knows may be an SPV's. It is looked at again, for the product may be known by now; so may
-- a currency.
numbers_touched as (
    select order_no from {{ ref('stg_orders__orders') }}
    where
        batch_id = {{ batch_id() }} and order_type in ('subscription', 'redemption', 'repayment', 'compensation')
        and coalesce(product_code, '') not in (select product_code from products_of_nobody)
        and exists (select 1 from products_of_spvs)
    union
    select order_no from {{ ref('stg_orders__orders') }}
    where
        batch_id = {{ batch_id() }}
        and order_no in (
            select order_no from {{ history_of('int_spv__report_lines') }}
            where batch_id < {{ batch_id() }} and direction = 'out'
        )
    union
    select order_no from {{ ref('stg_spv__reports') }}
    where from_batch_id = {{ batch_id() }} and order_no is not null
    union
    select order_no from {{ history_of('int_spv__report_lines') }}
    where batch_id < {{ batch_id() }} and direction = 'out' and error_code in ('unknown_product', 'unknown_currency')
),

line_sums as (
    select order_no, order_version, sum(line_amount) as lines_amount
    from {{ ref('stg_orders__order_lines') }}
    where batch_id <= {{ batch_id() }} and order_no in (select order_no from numbers_touched)
    group by order_no, order_version
),

orders as (
    select orders.*
    from {{ ref('stg_orders__orders') }} as orders
    left join highest_versions on highest_versions.order_no = orders.order_no
    where
        orders.batch_id <= {{ batch_id() }} and orders.order_no in (select order_no from numbers_touched)
        and orders.order_version = coalesce(highest_versions.order_version, orders.order_version)
        and orders.order_type in ('subscription', 'redemption', 'repayment', 'compensation')
),

final as (
    select
        orders.order_no,
        orders.order_version,
        case when products.product_code is null then '' else nullif(products.spv_code, '') end as spv_code,
        case when orders.order_type = 'compensation' then 'repayment' else orders.order_type end as report_kind,
        orders.product_code,
        orders.currency,
        orders.minor_per_major is not null as is_known_currency,
        case
            when line_sums.order_no is null then orders.header_minor
            else {{ to_minor('line_sums.lines_amount', 'orders.minor_per_major') }}
        end as order_minor,
        {%- for part in ['principal', 'interest', 'fee'] %}
        {{ to_minor(decimal_from_text(json_text('orders.attributes', "'" ~ part ~ "'")), 'orders.minor_per_major') }} as {{ part }}_minor,
        {%- endfor %}
        orders.status = 'success' as is_successful
    from orders
    left join products on products.product_code = orders.product_code
    left join line_sums on line_sums.order_no = orders.order_no and line_sums.order_version = orders.order_version
)

select * from final
