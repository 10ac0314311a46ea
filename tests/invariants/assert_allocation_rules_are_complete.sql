-- Every scope has exactly one residual bearer, ratio shares add up to a million, and nothing asks for what is not built yet
-- (level 2, redistribution): an allocation that loses or invents money must not start.
with scopes as (
    select
        allocation_rule_code,
        allocation_level,
        parent_bearer,
        min(method) as method,
        sum(case when is_residual then 1 else 0 end) as residual_count,
        sum(ppm) as ppm_total
    from {{ ref('stg_config__allocation_bearers') }}
    group by allocation_rule_code, allocation_level, parent_bearer
)

select
    scopes.allocation_rule_code,
    case
        when scopes.residual_count <> 1 then 'needs exactly one residual bearer'
        when scopes.method = 'ratio' and scopes.ppm_total <> 1000000 then 'shares must add up to 1000000 ppm'
        else 'level 2 and overflow redistribute are not supported in this version'
    end as problem
from scopes
inner join {{ ref('allocation_rules') }} as rules on rules.allocation_rule_code = scopes.allocation_rule_code
where
    scopes.residual_count <> 1
    or (scopes.method = 'ratio' and scopes.ppm_total <> 1000000)
    or coalesce(rules.level, 1) <> 1
    or coalesce(rules.overflow, 'residual') <> 'residual'
