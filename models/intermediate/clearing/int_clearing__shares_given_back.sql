{{ config(materialized='ephemeral') }}

with refunds as (
    select fee_no from {{ ref('int_clearing__fees_given_back') }}
    where entry_kind = 'refund'
),

parents as (
    select bearer_no from {{ ref('int_clearing__bearers_due') }}
    where has_children
),

final as (
    select fee_no, original_fee_no, bearer_no as split_no, released_minor as back_minor
    from {{ ref('int_clearing__releases') }}
    where released_minor > 0 and bearer_no in (select bearer_no from parents) and fee_no in (select fee_no from refunds)
)

select * from final
