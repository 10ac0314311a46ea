{{ config(batch_parts=['touched', 'left']) }}

with orders as (
    select * from {{ ref('int_reconciliation__spv_orders') }}
    where spv_code is not null
),

lines as (
    select * from {{ ref('int_reconciliation__spv_lines') }}
),

-- An order that became another SPV's, or no SPV's, leaves an item that has no side any more; so does a line that was given an order.
pairs_before as (
    select distinct spv_code, order_no, report_kind, own_txn_no, is_further_line from {{ this }}
    where
        batch_id < {{ batch_id() }} and order_no <> ''
        and order_no in (select order_no from {{ ref('int_reconciliation__spv_orders') }})
    union all
    select lines.spv_code, '', lines.report_kind, lines.spv_txn_no, false from {{ ref('stg_spv__reports') }} as lines
    where
        lines.until_batch_id = {{ batch_id() }} and lines.order_no is null and lines.status = 'success'
        and lines.report_kind in ('subscription', 'redemption', 'repayment')
),

final as (
    {{ part('touched') }}
    select
        cast({{ batch_id() }} as bigint) as batch_id,
        coalesce(orders.spv_code, lines.spv_code) as spv_code,
        coalesce(orders.order_no, lines.order_no) as order_no,
        coalesce(orders.report_kind, lines.report_kind) as report_kind,
        coalesce(lines.own_txn_no, '') as own_txn_no,
        coalesce(lines.is_further_line, false) as is_further_line,
        orders.order_no is not null as has_order,
        coalesce(orders.is_successful, false) as is_order_successful,
        orders.order_minor,
        orders.currency as order_currency,
        lines.order_no is not null as has_report,
        lines.report_minor,
        lines.currency as report_currency
    from orders
    full outer join lines
        on
            lines.spv_code = orders.spv_code and lines.order_no = orders.order_no
            and lines.report_kind = orders.report_kind and lines.own_txn_no = ''
    union all
    {{ part('left') }}
    select
        cast({{ batch_id() }} as bigint) as batch_id, before.spv_code, before.order_no, before.report_kind, before.own_txn_no,
        before.is_further_line, false as has_order, false as is_order_successful, cast(null as bigint) as order_minor,
        cast(null as {{ dbt.type_string() }}) as order_currency, false as has_report, cast(null as bigint) as report_minor,
        cast(null as {{ dbt.type_string() }}) as report_currency
    from pairs_before as before
    left join {{ this }} as now
        on
            now.spv_code = before.spv_code and now.order_no = before.order_no and now.report_kind = before.report_kind
            and now.own_txn_no = before.own_txn_no and now.batch_id = {{ batch_id() }}
    where now.batch_id is null
    {{ parts_end() }}
)

select * from final
