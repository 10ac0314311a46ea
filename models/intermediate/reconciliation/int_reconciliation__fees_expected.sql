{{ config(materialized='ephemeral') }}

-- The fee a channel should have taken, where a channel_fee rule says it.
with touched as (
    select distinct order_no from {{ ref('int_reconciliation__pairs') }}
    where batch_id = {{ batch_id() }} and has_statement and is_order_successful
),

final as (
    select details.order_no, details.order_version, {{ minor_sum('details.fee_minor') }} as fee_minor
    from {{ ref('fct_clearing_details') }} as details
    where
        details.batch_id <= {{ batch_id() }} and details.fee_type = 'channel_fee' and details.entry_kind = 'new'
        and details.order_no in (select order_no from touched)
    group by details.order_no, details.order_version
)

select * from final
