with final as (
    select
        batch_id,
        allocation_rule_code,
        1 as level,
        parent_bearer,
        bearer,
        currency,
        period_key,
        opening_minor,
        granted_minor,
        released_minor,
        accumulated_minor as closing_minor,
        cap_minor
    from {{ ref('int_clearing__grants') }}
    where row_kind = 'balance'
)

select * from final
