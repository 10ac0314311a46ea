{{ config(materialized='ephemeral') }}

with numbers as (
    select order_no from {{ ref('int_clearing__highest_versions') }}
),

lines as (
    select order_no, clearing_seq, entry_kind, original_clearing_seq from {{ history_of('int_clearing__lines_sorted') }}
    where batch_id < {{ batch_id() }} and clearing_seq is not null and order_no in (select order_no from numbers)
),

reversals as (
    select original_clearing_seq from lines
    where entry_kind = 'reversal'
),

lines_live as (
    select order_no, clearing_seq from lines
    where
        entry_kind = 'new'
        and clearing_seq not in (select original_clearing_seq from reversals)
),

lines_refunded as (
    select original_clearing_seq from {{ history_of('int_clearing__lines_sorted') }}
    where
        batch_id < {{ batch_id() }} and entry_kind = 'refund' and clearing_seq is not null
        and original_order_no in (select order_no from numbers)
),

live_orders as (
    select
        order_no,
        max(case when clearing_seq in (select original_clearing_seq from lines_refunded) then 1 else 0 end) = 1 as is_refunded
    from lines_live
    group by order_no
),

cleared_ever as (
    select order_no, max(case when entry_kind = 'refund' then 1 else 0 end) = 1 as was_refund from lines
    group by order_no
),

final as (
    select
        cleared_ever.order_no,
        cleared_ever.was_refund,
        live_orders.order_no is not null as is_live,
        coalesce(live_orders.is_refunded, false) as is_refunded
    from cleared_ever
    left join live_orders on live_orders.order_no = cleared_ever.order_no
)

select * from final
