{{ config(materialized='batch_by_batch') }}

with checks as (
    select * from {{ ref('int_quality__clearing_checks') }}
    union all
    select * from {{ ref('int_quality__allocation_checks') }}
    union all
    select * from {{ ref('int_quality__reconciliation_checks') }}
    union all
    select * from {{ ref('int_quality__settlement_checks') }}
),

final as (
    select
        cast({{ batch_id() }} as bigint) as batch_id,
        {{ batch_date() }} as batch_date,
        invariant,
        failing_rows = 0 and difference_minor = 0 as held,
        cast(failing_rows as bigint) as failing_rows,
        difference_minor
    from checks
)

select * from final
