{{ config(materialized='ephemeral') }}

with corrections as (
    select * from {{ ref('int_clearing__corrections') }}
),

excepted_now as (
    select order_no, order_version from {{ history_of('int_clearing__lines_sorted') }}
    where batch_id = {{ batch_id() }} and entry_kind = 'new' and reason_code is not null
),

lines_live as (
    select lines.*
    from {{ history_of('int_clearing__lines_sorted') }} as lines
    inner join corrections on corrections.order_no = lines.order_no
    where
        lines.batch_id < {{ batch_id() }} and lines.entry_kind = 'new' and lines.clearing_seq is not null
        and lines.clearing_seq not in (
            select original_clearing_seq from {{ history_of('int_clearing__lines_sorted') }}
            where
                batch_id < {{ batch_id() }} and entry_kind = 'reversal'
                and order_no in (select order_no from corrections)
        )
),

-- CORR-ORDER: the reversal stands before the new version of its order, at the time of that version.
final as (
    select
        'refund' as entry_kind, order_no, order_version, line_no, participant_id, channel_code, currency, ordered_at, ordered_date,
        amount_minor, cast(null as bigint) as principal_minor, cast(null as bigint) as interest_minor, model_no, contract_no,
        original_order_no, original_clearing_seq, true as is_part_of_order, reason_rank
    from {{ ref('int_clearing__refunds_judged') }}
    union all
    select
        'reversal', lines.order_no, lines.order_version, lines.line_no, lines.participant_id, lines.channel_code, lines.currency,
        corrections.ordered_at, corrections.ordered_date, lines.amount_minor, lines.principal_minor, lines.interest_minor, lines.model_no,
        lines.contract_no, lines.order_no as original_order_no, lines.clearing_seq, lines.is_part_of_order, null
    from lines_live as lines
    inner join corrections on corrections.order_no = lines.order_no
    union all
    select
        'new', lines.order_no, lines.order_version, lines.line_no, lines.participant_id, lines.channel_code, lines.currency,
        lines.ordered_at, lines.ordered_date, lines.amount_minor, lines.principal_minor, lines.interest_minor, lines.model_no,
        lines.contract_no, null, null, lines.has_lines, null
    from {{ ref('int_clearing__lines_judged') }} as lines
    left join excepted_now on excepted_now.order_no = lines.order_no and excepted_now.order_version = lines.order_version
    where lines.is_correction and excepted_now.order_no is null
)

select * from final
