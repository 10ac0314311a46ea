{{ config(materialized='ephemeral') }}

with lines as (
    select clearing_seq, entry_kind from {{ ref('int_clearing__lines_sorted') }}
    where batch_id = {{ batch_id() }} and original_clearing_seq is not null and clearing_seq is not null
),

final as (
    select fees.fee_no, fees.original_fee_no, kinds.kind_no as split_no, -fees.fee_minor as back_minor, lines.entry_kind
    from {{ ref('int_clearing__fees') }} as fees
    inner join lines on lines.clearing_seq = {{ seq_of_fee('fees.fee_no') }}
    inner join {{ ref('int_clearing__fee_kinds') }} as kinds on kinds.kind_no = fees.kind_no
    where
        fees.batch_id = {{ batch_id() }} and fees.original_fee_no is not null
        and kinds.allocation_rule_code is not null and fees.fee_minor < 0
)

select * from final
