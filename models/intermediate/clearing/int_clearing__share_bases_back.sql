{{ config(materialized='ephemeral') }}

with refunds as (
    select * from {{ ref('int_clearing__lines_taken_back') }}
    where entry_kind = 'refund'
),

originals as (
    select fee_no, kind_no, {{ minor_sum('base_minor') }} as base_minor
    from {{ history_of('int_clearing__share_fees') }}
    where
        bearer_no is not null and original_fee_no is null and batch_id <= {{ batch_id() }}
        and {{ seq_of_fee('fee_no') }} in (select original_clearing_seq from refunds)
    group by fee_no, kind_no
),

final as (
    select
        refunds.clearing_seq * 100 + mod(originals.fee_no, 100) as fee_no, originals.fee_no as original_fee_no, originals.kind_no,
        {{ part_given_back('originals.base_minor', 'refunds', "'half_up'") }} as base_back_minor
    from refunds
    inner join originals on refunds.original_clearing_seq = {{ seq_of_fee('originals.fee_no') }}
)

select * from final
