{{ config(materialized='ephemeral') }}

with lines as (
    select * from {{ ref('int_clearing__refunds_due') }}
),

originals as (
    select order_no, line_no, currency from {{ ref('int_clearing__originals') }}
),

original_orders as (
    select distinct order_no, currency from originals
),

lines_checked as (
    select
        lines.*,
        original_orders.order_no is not null
        and (not lines.has_lines or originals.order_no is not null) as has_original
    from lines
    left join original_orders
        on original_orders.order_no = lines.original_order_no and original_orders.currency = lines.currency
    left join originals
        on
            originals.order_no = lines.original_order_no
            and originals.currency = lines.currency
            and originals.line_no = lines.line_no
),

-- REFUND-REASON: a refund follows its original, so only its own amount and the original are checked.
final as (
    select
        order_no, order_version, original_order_no, channel_code, ordered_at, ordered_date, has_lines,
        {{ minor_sum('amount_minor') }} as refund_minor,
        case
            when max(case when minor_per_major is null then 1 else 0 end) = 1 then 1
            when max(case when amount_minor is null or amount_minor <= 0 then 1 else 0 end) = 1 then 5
            when
                has_lines and max(case when has_header_amount then 1 else 0 end) = 1
                and {{ differs('max(header_minor)', 'cast(sum(amount_minor) as bigint)') }} then 6
            when max(case when has_original then 0 else 1 end) = 1 then 11
            when max(case when is_correction then 1 else 0 end) = 1 then 13
        end as reason_rank
    from lines_checked
    group by order_no, order_version, original_order_no, channel_code, ordered_at, ordered_date, has_lines
)

select * from final
