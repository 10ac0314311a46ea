{{ config(materialized='ephemeral') }}

with orders as (
    select * from {{ ref('int_spv__orders_touched') }}
    where is_successful and spv_code is not null
),

lines_before as (
    select
        spv_code, report_kind, order_no, order_version, product_code, currency, amount_minor, principal_minor, interest_minor, fee_minor,
        line_kind, row_number() over (partition by order_no order by batch_id desc, line_kind asc) as place
    from {{ history_of('int_spv__report_lines') }}
    where
        batch_id < {{ batch_id() }} and direction = 'out'
        and order_no in (select order_no from {{ ref('int_spv__orders_touched') }})
),

-- What the SPV was told last and still believes.
told as (
    select * from lines_before
    where place = 1 and line_kind <> 'withdrawn'
),

-- SPV-OUT: an order is told once, again where what was told has changed, and taken back where it counts no more: what an SPV is
-- not told stays in its books.
final as (
    select
        orders.spv_code, orders.report_kind, orders.order_no, orders.order_version,
        case when told.order_no is null then 'new' else 'changed' end as line_kind,
        orders.product_code, orders.currency, orders.order_minor as amount_minor, orders.principal_minor, orders.interest_minor,
        orders.fee_minor, coalesce(told.amount_minor, 0) as told_minor,
        case
            when orders.spv_code = '' then 'unknown_product'
            when not orders.is_known_currency then 'unknown_currency'
            when orders.order_minor is null or orders.order_minor <= 0 then 'bad_amount'
            when orders.report_kind = 'repayment' and (orders.principal_minor is null or orders.interest_minor is null) then 'missing_split'
            when orders.principal_minor + orders.interest_minor + coalesce(orders.fee_minor, 0) <> orders.order_minor then 'split_mismatch'
        end as error_code
    from orders
    left join told
        on
            told.order_no = orders.order_no and told.spv_code = orders.spv_code and told.report_kind = orders.report_kind
            and told.currency = orders.currency
    where
        told.order_no is null or {{ differs('told.amount_minor', 'orders.order_minor') }}
        or {{ differs('told.product_code', 'orders.product_code') }}
        or {{ differs('told.principal_minor', 'orders.principal_minor') }}
        or {{ differs('told.interest_minor', 'orders.interest_minor') }} or {{ differs('told.fee_minor', 'orders.fee_minor') }}
    union all
    select
        told.spv_code, told.report_kind, told.order_no, told.order_version, 'withdrawn', told.product_code, told.currency, 0, null, null, null,
        coalesce(told.amount_minor, 0), null
    from told
    left join orders
        on
            orders.order_no = told.order_no and orders.spv_code = told.spv_code and orders.report_kind = told.report_kind
            and orders.currency = told.currency
    where orders.order_no is null
)

select * from final
