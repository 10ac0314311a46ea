with rules as (
    select * from {{ ref('allocation_rules') }}
),

bearers as (
    select * from {{ ref('allocation_bearers') }}
),

final as (
    select
        bearers.allocation_rule_code,
        coalesce(bearers.level, 1) as allocation_level,
        coalesce(bearers.parent_bearer, '') as parent_bearer,
        bearers.bearer,
        bearers.priority,
        rules.method,
        coalesce(rules.overflow, 'residual') as overflow,
        coalesce(bearers.ppm, 0) as ppm,
        coalesce(bearers.fixed_minor, 0) as fixed_minor,
        case when coalesce(bearers.is_residual, false) then null else bearers.cap_minor end as cap_minor,
        case
            when coalesce(bearers.is_residual, false) or bearers.cap_minor is null then 'none'
            else coalesce(bearers.cap_period, 'lifetime')
        end as cap_period,
        coalesce(bearers.is_residual, false) as is_residual,
        coalesce(bearers.valid_from, cast('0001-01-01' as date)) as valid_from,
        coalesce(bearers.valid_to, cast('9999-12-31' as date)) as valid_to
    from bearers
    inner join rules
        on
            rules.allocation_rule_code = bearers.allocation_rule_code
            and coalesce(rules.level, 1) = coalesce(bearers.level, 1)
            and coalesce(rules.parent_bearer, '') = coalesce(bearers.parent_bearer, '')
)

select * from final
