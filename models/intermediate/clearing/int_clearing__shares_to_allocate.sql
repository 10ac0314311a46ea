{{ config(materialized='ephemeral') }}

with parents as (
    select bearer_no from {{ ref('int_clearing__bearers_due') }}
    where batch_id = {{ batch_id() }} and has_children
),

first_adjustment as (
    select min(clearing_seq) * 100 as fee_no from {{ ref('int_clearing__lines_sorted') }}
    where batch_id = {{ batch_id() }} and is_adjustment and clearing_seq is not null
),

-- ALLOC-LEVEL2: what a bearer with children has been granted at level 1 is split among them.
final as (
    select
        fee_no, bearer_no as split_no, granted_minor as amount_minor,
        coalesce(fee_no >= (select first_adjustment.fee_no from first_adjustment), false) as is_adjustment
    from {{ history_of('int_clearing__grants') }}
    where
        batch_id = {{ batch_id() }} and fee_no is not null and original_fee_no is null and granted_minor > 0
        and bearer_no in (select bearer_no from parents)
)

select * from final
