{{ config(materialized='ephemeral') }}

with lines as (
    select
        reports.*,
        reports.status = 'success' and reports.report_kind <> 'distribution' as takes_part,
        coalesce(rules.statement_grouping, 'single') as grouping_rule,
        case when rules.statement_grouping = 'sum' then reports.currency else reports.spv_txn_no end as unit_no
    from {{ ref('stg_spv__reports') }} as reports
    left join {{ ref('stg_config__reconciliation_rules') }} as rules
        on rules.relation = 'orders_spv' and rules.channel_code = reports.spv_code
    where reports.from_batch_id = {{ batch_id() }}
),

items as (
    select * from {{ ref('int_spv__items_known') }}
),

-- The item that a line belongs to: its own where it is a further line or names no order, else the order's.
compared as (
    select
        lines.*,
        coalesce(own.result, shared.result) as result,
        coalesce(own.pool, shared.pool) as pool,
        case when own.result is null then shared.left_minor else own.left_minor end as our_minor,
        case when own.result is null then shared.difference_minor else own.difference_minor end as difference_minor,
        orders.order_no is not null as has_order,
        orders.is_successful as is_order_successful,
        orders.product_code as order_product_code,
        orders.principal_minor as our_principal_minor,
        orders.interest_minor as our_interest_minor,
        products.product_code is not null as is_known_product
    from lines
    left join items as own
        on
            own.spv_code = lines.spv_code and own.order_no = coalesce(lines.order_no, '') and own.report_kind = lines.report_kind
            and own.own_txn_no = lines.unit_no and lines.takes_part
    left join items as shared
        on
            shared.spv_code = lines.spv_code and shared.order_no = lines.order_no and shared.report_kind = lines.report_kind
            and shared.own_txn_no = '' and lines.takes_part
    left join {{ ref('int_spv__orders_touched') }} as orders
        on orders.order_no = lines.order_no and orders.spv_code = lines.spv_code and orders.report_kind = lines.report_kind
    left join {{ ref('products') }} as products on products.product_code = lines.product_code
),

-- SPV-ERROR: one code per line: what makes the line unreadable, then what reconciliation found, then what only the line shows.
final as (
    select
        spv_code, report_kind, order_no, spv_txn_no, product_code, currency, amount_minor, principal_minor, interest_minor, fee_minor,
        status, confirmed_date, result, our_minor, difference_minor, file_id, file_line_no, is_corrected,
        case
            when not is_known_currency then 'unknown_currency'
            when amount_minor is null or amount_minor <= 0 then 'bad_amount'
            when product_code is not null and not is_known_product then 'unknown_product'
            when status = 'failed' and is_order_successful then 'status_differs'
            when takes_part and order_no is null and pool <> 'none' then 'missing_order'
            when result = 'channel_only' and pool <> 'none' then 'unknown_order'
            when result = 'duplicate_channel' and pool <> 'none' then 'duplicate_line'
            when result = 'currency_mismatch' and pool <> 'none' then 'currency_differs'
            when result = 'status_mismatch' and pool <> 'none' then 'status_differs'
            when result = 'amount_mismatch' and pool <> 'none' then 'amount_differs'
            when takes_part and has_order and product_code is not null and {{ differs('product_code', 'order_product_code') }}
                then 'product_differs'
            when (principal_minor is not null or interest_minor is not null)
                and coalesce(principal_minor, 0) + coalesce(interest_minor, 0) + coalesce(fee_minor, 0) <> amount_minor
                then 'split_mismatch'
            when takes_part and grouping_rule = 'single'
                and (principal_minor <> our_principal_minor or interest_minor <> our_interest_minor)
                then 'split_differs'
        end as error_code
    from compared
)

select * from final
