{{ config(materialized='ephemeral') }}

with waiting as (
    select order_no, order_version from {{ ref('int_reconciliation__pairs') }}
    where batch_id = {{ batch_id() }} and is_filled_now and direction = 'refund'
    union
    select order_no, order_version from {{ history_of('int_clearing__lines_sorted') }}
    where batch_id = {{ batch_id() }} - 1 and reason_code is not null and entry_kind = 'refund'
),

refunds_seen as (
    select * from {{ ref('stg_orders__orders') }}
    where batch_id = {{ batch_id() }} and status = 'success' and order_type = 'refund'
    union all
    select orders.*
    from {{ ref('stg_orders__orders') }} as orders
    inner join waiting on waiting.order_no = orders.order_no and waiting.order_version = orders.order_version
    where orders.batch_id <= {{ batch_id() }}
),

highest_versions as (
    select * from {{ ref('int_clearing__highest_versions') }}
),

final as (
    select
        refunds.order_no,
        refunds.order_version,
        coalesce(lines.line_no, 1) as line_no,
        lines.order_no is not null as has_lines,
        orders_cleared.order_no is not null as is_correction,
        refunds.channel_code,
        refunds.currency,
        refunds.minor_per_major,
        refunds.has_header_amount,
        refunds.header_minor,
        case
            when lines.order_no is null then refunds.header_minor
            else {{ to_minor('lines.line_amount', 'refunds.minor_per_major') }}
        end as amount_minor,
        refunds.ordered_at,
        refunds.ordered_date,
        refunds.original_order_no
    from refunds_seen as refunds
    left join highest_versions on highest_versions.order_no = refunds.order_no
    left join {{ ref('int_clearing__orders_cleared') }} as orders_cleared on orders_cleared.order_no = refunds.order_no
    left join {{ ref('stg_orders__order_lines') }} as lines
        on
            lines.order_no = refunds.order_no and lines.order_version = refunds.order_version
            and lines.batch_id <= refunds.batch_id
    where refunds.order_version = coalesce(highest_versions.order_version, refunds.order_version)
)

select * from final
