with rules as (
    select * from {{ ref('allocation_rules') }}
),

bearers as (
    select * from {{ ref('allocation_bearers') }}
),

joined as (
    select
        bearers.allocation_rule_code,
        coalesce(bearers.level, 1) as allocation_level,
        coalesce(bearers.parent_bearer, '') as parent_bearer,
        bearers.bearer,
        bearers.priority,
        rules.method,
        coalesce(bearers.ppm, 0) as ppm,
        coalesce(bearers.fixed_minor, 0) as fixed_minor,
        case when coalesce(bearers.is_residual, false) then null else bearers.cap_minor end as cap_minor,
        case
            when coalesce(bearers.is_residual, false) or bearers.cap_minor is null then 'none'
            else coalesce(bearers.cap_period, 'lifetime')
        end as cap_period,
        coalesce(bearers.is_residual, false) as is_residual
    from bearers
    inner join rules
        on
            rules.allocation_rule_code = bearers.allocation_rule_code
            and coalesce(rules.level, 1) = coalesce(bearers.level, 1)
            and coalesce(rules.parent_bearer, '') = coalesce(bearers.parent_bearer, '')
),

final as (
    select
        joined.*,
        -- ALLOC-FIXED: what the bearers before this one ask for; the residual one comes last, whatever its priority.
        coalesce(
            {{ minor_sum(
                'case when is_residual then 0 else fixed_minor end',
                over='partition by allocation_rule_code, allocation_level, parent_bearer order by is_residual, priority, '
                ~ bytewise('bearer') ~ ' rows between unbounded preceding and 1 preceding'
            ) }}, 0
        ) as fixed_before_minor,
        -- ALLOC-SEQUENCE: the place in which a bearer is asked; the residual one comes last.
        row_number() over (
            partition by allocation_rule_code, allocation_level, parent_bearer, is_residual
            order by priority, {{ bytewise('bearer') }}
        ) as place
    from joined
)

select * from final
