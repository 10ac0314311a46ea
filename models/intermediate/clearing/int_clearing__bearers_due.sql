with fee_kinds as (
    select kind_no, allocation_rule_code, currency, ordered_date, contract_no from {{ ref('int_clearing__fee_kinds') }}
    where batch_id = {{ batch_id() }} and allocation_rule_code is not null
),

-- ALLOC-DATED: the rows in force on the order's own date are the bearers of its fees.
in_force as (
    select
        fee_kinds.kind_no, fee_kinds.currency, bearers.*,
        case bearers.cap_period
            when 'day' then cast(fee_kinds.ordered_date as {{ dbt.type_string() }})
            when 'month' then substr(cast(fee_kinds.ordered_date as {{ dbt.type_string() }}), 1, 7)
            when 'quarter'
                then substr(cast(fee_kinds.ordered_date as {{ dbt.type_string() }}), 1, 4) || '-Q'
                    || cast(extract(quarter from fee_kinds.ordered_date) as {{ dbt.type_string() }})
            when 'year' then substr(cast(fee_kinds.ordered_date as {{ dbt.type_string() }}), 1, 4)
            when 'contract' then fee_kinds.contract_no
            else bearers.cap_period
        end as period_key
    from fee_kinds
    inner join {{ ref('stg_config__allocation_bearers') }} as bearers
        on
            bearers.allocation_rule_code = fee_kinds.allocation_rule_code
            and bearers.valid_from <= fee_kinds.ordered_date and fee_kinds.ordered_date < bearers.valid_to
),

-- Grants carry one number for all of this: what a fee of this kind and its bearer are. A batch has fewer than 10^8 of them.
numbered as (
    select
        in_force.*,
        cast({{ batch_id() }} * 100000000 + row_number() over (
            order by kind_no, allocation_level, {{ bytewise('parent_bearer') }}, {{ bytewise('bearer') }}
        ) as bigint) as bearer_no,
        -- ALLOC-FIXED: what the bearers before this one ask for; the residual one comes last, whatever its priority.
        coalesce(
            {{ minor_sum(
                'case when is_residual then 0 else fixed_minor end',
                over='partition by kind_no, allocation_level, parent_bearer order by is_residual, priority, '
                ~ bytewise('bearer') ~ ' rows between unbounded preceding and 1 preceding'
            ) }}, 0
        ) as fixed_before_minor,
        -- ALLOC-SEQUENCE: the place in which a bearer is asked; the residual one comes last.
        row_number() over (
            partition by kind_no, allocation_level, parent_bearer, is_residual order by priority, {{ bytewise('bearer') }}
        ) as place,
        max(valid_from) over (partition by kind_no, allocation_level, parent_bearer) as set_from,
        min(valid_to) over (partition by kind_no, allocation_level, parent_bearer) as set_to
    from in_force
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
