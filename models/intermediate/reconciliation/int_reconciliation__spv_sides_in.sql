{{ config(materialized='ephemeral') }}

-- What both sides gained in the batch: our orders as they stand less as they stood, and the lines that came. The control total of the items.
with orders_before as (
    select
        spv_code, order_no, report_kind, is_order_successful, order_minor, order_currency,
        row_number() over (partition by spv_code, order_no, report_kind order by batch_id desc) as place
    from {{ history_of('int_reconciliation__spv_pairs') }}
    where
        batch_id < {{ batch_id() }} and own_txn_no = ''
        and order_no in (select order_no from {{ ref('int_reconciliation__spv_orders') }})
),

final as (
    select
        spv_code, currency, count(*) as left_count, {{ minor_sum('order_minor') }} as left_minor,
        cast(0 as bigint) as right_count, cast(0 as bigint) as right_minor
    from {{ ref('int_reconciliation__spv_orders') }}
    where spv_code is not null and is_successful
    group by spv_code, currency
    union all
    select spv_code, order_currency, -count(*), -{{ minor_sum('order_minor') }}, 0, 0 from orders_before
    where place = 1 and is_order_successful
    group by spv_code, order_currency
    union all
    select spv_code, currency, 0, 0, count(*), {{ minor_sum('amount_minor') }} from {{ ref('stg_spv__reports') }}
    where
        from_batch_id = {{ batch_id() }} and status = 'success'
        and report_kind in ('subscription', 'redemption', 'repayment')
    group by spv_code, currency
    union all
    -- SPV-FIX: what a line was before it was corrected.
    select spv_code, currency, 0, 0, -count(*), -{{ minor_sum('amount_minor') }} from {{ ref('stg_spv__reports') }}
    where
        until_batch_id = {{ batch_id() }} and status = 'success'
        and report_kind in ('subscription', 'redemption', 'repayment')
    group by spv_code, currency
)

select * from final
