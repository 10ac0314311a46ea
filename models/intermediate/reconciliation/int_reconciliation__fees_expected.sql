{{ config(materialized='ephemeral') }}

-- The fee a channel should have taken, where a channel_fee rule says it.
with touched as (
    select distinct order_no from {{ ref('int_reconciliation__pairs') }}
    where batch_id = {{ batch_id() }} and has_statement and is_order_successful
),

channel_fees as (
    select kind_no from {{ ref('int_clearing__fee_kinds') }}
    where fee_type = 'channel_fee'
),

fees as (
    select batch_id, fee_no, kind_no, fee_minor, original_fee_no from {{ ref('int_clearing__fees') }}
    union all
    select batch_id, fee_no, kind_no, fee_minor, original_fee_no from {{ ref('int_clearing__share_fees') }}
    where bearer_no is null
),

final as (
    select lines.order_no, lines.order_version, {{ minor_sum('fees.fee_minor') }} as fee_minor
    from fees
    inner join {{ ref('int_clearing__lines_sorted') }} as lines
        on lines.batch_id = fees.batch_id and lines.clearing_seq = {{ seq_of_fee('fees.fee_no') }}
    where
        fees.batch_id <= {{ batch_id() }} and fees.original_fee_no is null and fees.kind_no in (select kind_no from channel_fees)
        and lines.order_no in (select order_no from touched)
    group by lines.order_no, lines.order_version
)

select * from final
