with numbered as (
    select * from {{ ref('int_clearing__bearers_in_force') }}
),

parents as (
    select distinct children.kind_no, parents.bearer_no, parents.bearer
    from numbered as parents
    inner join numbered as children
        on children.kind_no = parents.kind_no and children.allocation_level = 2 and children.parent_bearer = parents.bearer
    where parents.allocation_level = 1
),

-- A component is a scope in one currency: its bearers' accumulators may fill from several kinds of fees.
components_known as (
    select bearer_no, allocation_rule_code, allocation_level, parent_bearer, currency from {{ this }}
    where batch_id < {{ batch_id() }} and bearer_no = component_no
),

accumulators_known as (
    select bearer_no, allocation_rule_code, allocation_level, parent_bearer, bearer, currency, period_key from {{ this }}
    where batch_id < {{ batch_id() }} and bearer_no = accumulator_no
),

-- ALLOC-SCOPE: a cap fills per rule, level, parent, bearer, currency and period; the first number that any of them had is its own.
with_accumulator as (
    select
        numbered.*,
        coalesce(
            known.bearer_no,
            min(numbered.bearer_no) over (
                partition by
                    numbered.allocation_rule_code, numbered.allocation_level, numbered.parent_bearer, numbered.bearer,
                    numbered.currency, numbered.period_key
            )
        ) as accumulator_no,
        coalesce(
            components_known.bearer_no,
            min(numbered.bearer_no) over (
                partition by
                    numbered.allocation_rule_code, numbered.allocation_level, numbered.parent_bearer, numbered.currency
            )
        ) as component_no
    from numbered
    left join components_known
        on
            components_known.allocation_rule_code = numbered.allocation_rule_code
            and components_known.allocation_level = numbered.allocation_level
            and components_known.parent_bearer = numbered.parent_bearer and components_known.currency = numbered.currency
    left join accumulators_known as known
        on
            known.allocation_rule_code = numbered.allocation_rule_code and known.allocation_level = numbered.allocation_level
            and known.parent_bearer = numbered.parent_bearer and known.bearer = numbered.bearer
            and known.currency = numbered.currency and known.period_key = numbered.period_key
),

-- ALLOC-STEPS: where the excess is split again, or one accumulator meets several caps or places in the batch, no single formula
-- gives the grants; such a component is granted run by run, from one cap being reached to the next.
stepped as (
    select component_no from with_accumulator
    group by component_no
    having max(case when overflow = 'redistribute' and cap_minor is not null then 1 else 0 end) = 1
    union
    select component_no from with_accumulator
    where cap_minor is not null
    group by component_no, accumulator_no
    having min(cap_minor) <> max(cap_minor) or (min(method) = 'sequence' and min(place) <> max(place))
),

final as (
    select
        cast({{ batch_id() }} as bigint) as batch_id, bearers.bearer_no, bearers.accumulator_no, bearers.component_no,
        bearers.component_no in (select component_no from stepped) as is_stepped, bearers.kind_no,
        case when bearers.allocation_level = 1 then bearers.kind_no else parents.bearer_no end as split_no,
        bearers.currency, bearers.allocation_rule_code, bearers.allocation_level, bearers.parent_bearer, bearers.bearer,
        children.bearer_no is not null as has_children,
        bearers.priority, bearers.method, bearers.overflow,
        dense_rank() over (
            order by
                {{ bytewise('bearers.allocation_rule_code') }}, bearers.allocation_level, {{ bytewise('bearers.parent_bearer') }},
                bearers.set_from, bearers.set_to
        ) as share_no,
        bearers.ppm, bearers.fixed_minor, bearers.fixed_before_minor, bearers.is_residual, bearers.place, bearers.period_key,
        bearers.cap_minor
    from with_accumulator as bearers
    left join parents on parents.kind_no = bearers.kind_no and parents.bearer = bearers.parent_bearer
    left join parents as children on bearers.allocation_level = 1 and children.bearer_no = bearers.bearer_no
    where bearers.allocation_level = 1 or parents.bearer_no is not null
)

select * from final
