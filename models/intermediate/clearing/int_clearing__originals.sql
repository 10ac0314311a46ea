{{ config(materialized='ephemeral') }}

with originals_wanted as (
    select distinct original_order_no as order_no from {{ ref('int_clearing__refunds_due') }}
    where original_order_no is not null
),

-- New business comes before adjustments in a batch, so an original of this batch counts.
cleared as (
    select
        lines.order_no, lines.line_no, lines.participant_id, lines.channel_code, lines.currency,
        lines.amount_minor, lines.model_key, lines.model_code, lines.contract_no
    from {{ ref('int_clearing__lines_judged') }} as lines
    inner join originals_wanted on originals_wanted.order_no = lines.order_no
    left join {{ ref('int_clearing__orders_failing') }} as failing
        on failing.order_no = lines.order_no and failing.order_version = lines.order_version
    where lines.batch_id = {{ batch_id() }} and failing.order_no is null
    union all
    select
        lines.order_no, lines.line_no, lines.participant_id, lines.channel_code, lines.currency,
        lines.amount_minor, lines.model_key, lines.model_code, lines.contract_no
    from {{ history_of('int_clearing__lines_sorted') }} as lines
    inner join originals_wanted on originals_wanted.order_no = lines.order_no
    where lines.batch_id < {{ batch_id() }} and lines.entry_kind = 'new' and lines.clearing_seq is not null
),

refunded_before as (
    select lines.original_order_no, lines.line_no, {{ minor_sum('lines.amount_minor') }} as amount_minor
    from {{ history_of('int_clearing__lines_sorted') }} as lines
    inner join originals_wanted on originals_wanted.order_no = lines.original_order_no
    where lines.batch_id < {{ batch_id() }} and lines.entry_kind = 'refund' and lines.clearing_seq is not null
    group by lines.original_order_no, lines.line_no
),

final as (
    select
        cleared.*,
        cleared.amount_minor - coalesce(refunded_before.amount_minor, 0) as left_minor
    from cleared
    left join refunded_before
        on refunded_before.original_order_no = cleared.order_no and refunded_before.line_no = cleared.line_no
)

select * from final
