{{ config(materialized='ephemeral') }}

with released as (
    {{ releases_of("(select * from " ~ ref('int_clearing__fees_given_back') ~ " where entry_kind = 'refund')", 1) | indent(4) }}
),

final as (
    select fee_no, original_fee_no, bearer_no, released_minor from released
    union all
    {{ reversals_of(1) }}
)

select * from final
