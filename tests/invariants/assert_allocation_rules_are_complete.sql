-- ALLOC-COMPLETE: on every date on which a scope's bearers change it has exactly one residual bearer, ratio shares that add up to a million, and
-- an order among its bearers: an allocation that loses or invents money must not start.
{{ config(meta={
    'owner': 'clearing',
    'about': 'configuration',
    'action': 'Mend allocation_rules.csv and allocation_bearers.csv; nothing is allocated until then.'
}) }}

with bearers as (
    select * from {{ ref('stg_config__allocation_bearers') }}
),

turns as (
    select distinct allocation_rule_code, allocation_level, parent_bearer, valid_from as turn_date from bearers
    union
    select distinct allocation_rule_code, allocation_level, parent_bearer, valid_to from bearers
    where valid_to < cast('9999-12-31' as date)
),

scopes as (
    select
        turns.allocation_rule_code, turns.allocation_level, turns.parent_bearer, turns.turn_date,
        min(bearers.method) as method,
        max(bearers.overflow) as overflow,
        count(bearers.bearer) as bearer_count,
        count(distinct bearers.bearer) as name_count,
        count(distinct bearers.priority) as priority_count,
        coalesce(sum(case when bearers.is_residual then 1 else 0 end), 0) as residual_count,
        coalesce(sum(bearers.ppm), 0) as ppm_total
    from turns
    left join bearers
        on
            bearers.allocation_rule_code = turns.allocation_rule_code and bearers.allocation_level = turns.allocation_level
            and bearers.parent_bearer = turns.parent_bearer
            and bearers.valid_from <= turns.turn_date and turns.turn_date < bearers.valid_to
    group by turns.allocation_rule_code, turns.allocation_level, turns.parent_bearer, turns.turn_date
),

problems as (
    select
        allocation_rule_code, allocation_level, parent_bearer, turn_date,
        case
            when bearer_count = 0 and allocation_level = 1 then 'has no bearers from this date on'
            when bearer_count = 0 then null
            when name_count <> bearer_count then 'names a bearer twice'
            when priority_count <> bearer_count then 'gives two bearers the same priority'
            when residual_count <> 1 then 'needs exactly one residual bearer'
            when method = 'ratio' and ppm_total <> 1000000 then 'shares must add up to 1000000 ppm'
            when overflow = 'redistribute' and method <> 'ratio' then 'overflow redistribute needs the method ratio'
            when allocation_level not in (1, 2) then 'level must be 1 or 2'
        end as problem
    from scopes
    union all
    select children.allocation_rule_code, children.allocation_level, children.parent_bearer, children.valid_from, 'parent is no bearer of level 1'
    from bearers as children
    left join bearers as parents
        on
            parents.allocation_rule_code = children.allocation_rule_code and parents.allocation_level = 1
            and parents.bearer = children.parent_bearer
    where children.allocation_level = 2 and parents.bearer is null
)

select * from problems
where problem is not null
