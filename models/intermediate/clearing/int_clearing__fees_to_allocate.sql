{{ config(materialized='ephemeral') }}

with kinds as (
    select kind_no from {{ ref('int_clearing__fee_kinds') }}
    where batch_id = {{ batch_id() }} and allocation_rule_code is not null
),

first_adjustment as (
    select min(clearing_seq) * 100 as fee_no from {{ ref('int_clearing__lines_sorted') }}
    where batch_id = {{ batch_id() }} and is_adjustment and clearing_seq is not null
),

final as (
    select
        fee_no, kind_no as split_no, fee_minor as amount_minor,
        coalesce(fee_no >= (select first_adjustment.fee_no from first_adjustment), false) as is_adjustment
    from {{ ref('int_clearing__fees') }}
    where
        batch_id = {{ batch_id() }} and original_fee_no is null and fee_minor > 0
        and kind_no in (select kind_no from kinds)
)

select * from final
