{{ config(materialized='ephemeral') }}

with refunds as (
    select order_no, order_version, original_order_no, channel_code, ordered_at, ordered_date, reason_rank
    from {{ ref('int_clearing__refunds_wanted') }}
),

refused as (
    select order_no, order_version, original_order_no, reason_rank from refunds
    where reason_rank is not null
    union all
    select order_no, order_version, original_order_no, 12 from {{ ref('int_clearing__refunds_admitted') }}
    where not is_admitted
),

final as (
    select
        refunds.order_no, refunds.order_version, parts.line_no, originals.participant_id, refunds.channel_code, originals.currency,
        refunds.ordered_at, refunds.ordered_date, parts.amount_minor, originals.model_no, originals.contract_no,
        parts.original_order_no, originals.clearing_seq as original_clearing_seq, cast(null as integer) as reason_rank
    from {{ ref('int_clearing__refund_lines') }} as parts
    inner join refunds on refunds.order_no = parts.order_no
    inner join {{ ref('int_clearing__originals') }} as originals
        on originals.order_no = parts.original_order_no and originals.line_no = parts.line_no
    union all
    select
        order_no, order_version, 0, null, null, null, null, null, null, null, null, original_order_no, null, reason_rank
    from refused
)

select * from final
