{{ config(materialized='ephemeral') }}

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
final as (
    select
        in_force.*,
        cast({{ first_number_of_batch() }} + row_number() over (
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
)

select * from final
