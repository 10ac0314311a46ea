{{ config(materialized='ephemeral') }}

with lines as (
    select lines.*, originals.amount_minor as original_minor
    from {{ ref('int_clearing__lines_sorted') }} as lines
    inner join {{ ref('int_clearing__lines_sorted') }} as originals
        on originals.clearing_seq = lines.original_clearing_seq and originals.batch_id <= {{ batch_id() }}
    where lines.batch_id = {{ batch_id() }} and lines.original_clearing_seq is not null and lines.clearing_seq is not null
),

refunded_before as (
    select original_clearing_seq, {{ minor_sum('amount_minor') }} as amount_minor
    from {{ ref('int_clearing__lines_sorted') }}
    where
        batch_id < {{ batch_id() }} and entry_kind = 'refund' and clearing_seq is not null
        and original_clearing_seq in (select original_clearing_seq from lines)
    group by original_clearing_seq
),

-- What is reversed has never been refunded, so a reversal takes back the whole.
final as (
    select
        lines.clearing_seq, lines.entry_kind, lines.participant_id, lines.original_clearing_seq, lines.amount_minor, lines.original_minor,
        coalesce(refunded_before.amount_minor, 0) + {{ minor_sum(
            'lines.amount_minor', over='partition by lines.original_clearing_seq order by lines.clearing_seq'
        ) }} as refunded_minor
    from lines
    left join refunded_before on refunded_before.original_clearing_seq = lines.original_clearing_seq
)

select * from final
