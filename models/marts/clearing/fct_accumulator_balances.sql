with final as (
    select
        balances.batch_id,
        bearers.allocation_rule_code,
        cast(bearers.allocation_level as integer) as level,
        bearers.parent_bearer,
        bearers.bearer,
        bearers.currency,
        bearers.period_key,
        balances.opening_minor,
        balances.granted_minor,
        balances.released_minor,
        balances.accumulated_minor as closing_minor,
        balances.cap_minor
    from {{ ref('int_clearing__grants') }} as balances
    inner join {{ ref('int_clearing__bearers_due') }} as bearers on bearers.bearer_no = balances.bearer_no
    where balances.fee_no is null
)

select * from final
