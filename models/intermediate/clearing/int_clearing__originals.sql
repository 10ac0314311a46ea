{{ config(materialized='ephemeral') }}

with originals_wanted as (
    select distinct original_order_no as order_no from {{ ref('int_clearing__refunds_due') }}
    where original_order_no is not null
),

-- New business comes before adjustments in a batch, so an original of this batch counts; what a correction of this batch takes back
-- or clears again does not.
cleared as (
    select
        lines.order_no, lines.line_no, lines.clearing_seq, lines.participant_id, lines.channel_code, lines.currency,
        lines.amount_minor, lines.model_no, lines.contract_no
    from {{ history_of('int_clearing__lines_sorted') }} as lines
    inner join originals_wanted on originals_wanted.order_no = lines.order_no
    where
        lines.batch_id <= {{ batch_id() }} and lines.entry_kind = 'new' and lines.clearing_seq is not null
        and lines.order_no not in (
            select order_no from {{ ref('int_clearing__corrections') }}
        )
),

taken_back as (
    select lines.original_clearing_seq, lines.entry_kind, lines.amount_minor
    from {{ history_of('int_clearing__lines_sorted') }} as lines
    inner join originals_wanted on originals_wanted.order_no = lines.original_order_no
    where lines.batch_id < {{ batch_id() }} and lines.original_clearing_seq is not null
),

refunded_before as (
    select original_clearing_seq, {{ minor_sum('amount_minor') }} as amount_minor from taken_back
    where entry_kind = 'refund'
    group by original_clearing_seq
),

reversals as (
    select original_clearing_seq from taken_back
    where entry_kind = 'reversal'
),

final as (
    select
        cleared.*,
        cleared.amount_minor - coalesce(refunded_before.amount_minor, 0) as left_minor
    from cleared
    left join refunded_before on refunded_before.original_clearing_seq = cleared.clearing_seq
    where cleared.clearing_seq not in (select original_clearing_seq from reversals)
)

select * from final
