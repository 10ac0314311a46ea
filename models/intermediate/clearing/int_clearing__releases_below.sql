{{ config(materialized='ephemeral') }}

with released as (
    {{ releases_of(ref('int_clearing__shares_given_back'), 2) | indent(4) }}
),

final as (
    select fee_no, original_fee_no, bearer_no, released_minor from released
    union all
    {{ reversals_of(2) }}
)

select * from final
