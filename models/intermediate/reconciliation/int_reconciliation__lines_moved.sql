{{ config(materialized='ephemeral') }}

with assigned as (
    select decisions.*, taken_back.effective_batch_id as ends_in_batch_id
    from {{ ref('stg_decisions__resolutions') }} as decisions
    left join {{ ref('stg_decisions__resolutions') }} as taken_back
        on taken_back.takes_back_no = decisions.decision_no and taken_back.action = 'reopen'
    where decisions.action = 'reassign' and decisions.effective_batch_id <= {{ batch_id() }} and not decisions.is_withdrawn
),

-- The last assignment in force decides, now and at the close of the batch before.
placed as (
    select
        line_channel_code, line_txn_no,
        max(case
            when coalesce(ends_in_batch_id, {{ batch_id() }} + 1) > {{ batch_id() }} then decision_seq
        end) as seq_now,
        max(case
            when
                effective_batch_id < {{ batch_id() }}
                and coalesce(ends_in_batch_id, {{ batch_id() }}) >= {{ batch_id() }} then decision_seq
        end) as seq_before
    from assigned
    group by line_channel_code, line_txn_no
),

-- REC-DECIDE: a line that was assigned to another order is that order's line from then on; read by its own number it would be compared twice.
final as (
    select
        lines.batch_id, lines.channel_code, lines.channel_txn_no, lines.direction, lines.currency, lines.amount_minor, lines.fee_minor,
        lines.completed_at,
        case when placed.seq_before is null then lines.order_no else before.other_order_no end as order_no_before,
        case when placed.seq_now is null then lines.order_no else now.other_order_no end as order_no
    from {{ ref('stg_channel__payments') }} as lines
    inner join placed on placed.line_txn_no = lines.channel_txn_no and placed.line_channel_code = lines.channel_code
    left join assigned as before on before.decision_seq = placed.seq_before
    left join assigned as now on now.decision_seq = placed.seq_now
    where lines.batch_id < {{ batch_id() }} and lines.status = 'success'
)

select * from final
