{{ config(materialized='ephemeral') }}

with fees as (
    select clearing_seq, order_no, rule_code, allocation_rule_code, currency, ordered_date, contract_no, fee_minor
    from {{ ref('fct_clearing_details') }}
    where
        batch_id = {{ batch_id() }} and entry_kind = 'new'
        and allocation_rule_code is not null and fee_minor > 0
),

bearers as (
    select * from {{ ref('stg_config__allocation_bearers') }}
    where allocation_level = 1
),

-- ALLOC-RATIO: ppm of a million are whole, so the rounding of a fee is that of its last six digits; each of these is split once.
last_digits as (
    select distinct
        bearers.allocation_rule_code, bearers.bearer, bearers.priority, bearers.ppm, mod(fees.fee_minor, 1000000) as digits
    from fees
    inner join bearers on bearers.allocation_rule_code = fees.allocation_rule_code and bearers.method = 'ratio'
),

digits_split as (
    {{ largest_remainder('last_digits', ['allocation_rule_code', 'digits'], 'priority', 'digits', 'ppm') }}
),

periods as (
    select
        dates.ordered_date, kinds.cap_period,
        case kinds.cap_period
            when 'day' then cast(dates.ordered_date as {{ dbt.type_string() }})
            when 'month' then substr(cast(dates.ordered_date as {{ dbt.type_string() }}), 1, 7)
            when 'quarter'
                then substr(cast(dates.ordered_date as {{ dbt.type_string() }}), 1, 4) || '-Q'
                    || cast(extract(quarter from dates.ordered_date) as {{ dbt.type_string() }})
            when 'year' then substr(cast(dates.ordered_date as {{ dbt.type_string() }}), 1, 4)
            else kinds.cap_period
        end as period_key
    from (select distinct ordered_date from fees) as dates
    cross join (select distinct cap_period from bearers) as kinds
),

final as (
    select
        fees.clearing_seq, fees.order_no, fees.rule_code, fees.allocation_rule_code, fees.currency, fees.fee_minor,
        bearers.parent_bearer, bearers.bearer, bearers.priority, bearers.method, bearers.is_residual, bearers.place,
        bearers.cap_minor,
        case bearers.cap_period when 'contract' then coalesce(fees.contract_no, '') else periods.period_key end as period_key,
        case bearers.method
            when 'ratio' then {{ whole_quotient('fees.fee_minor', '1000000') }} * bearers.ppm + digits_split.share_minor
            when 'fixed'
                then case
                    when bearers.is_residual then greatest(0, fees.fee_minor - bearers.fixed_before_minor)
                    else greatest(0, least(bearers.fixed_minor, fees.fee_minor - bearers.fixed_before_minor))
                end
        end as demand_minor
    from fees
    inner join bearers on bearers.allocation_rule_code = fees.allocation_rule_code
    left join digits_split
        on
            digits_split.allocation_rule_code = fees.allocation_rule_code
            and digits_split.bearer = bearers.bearer
            and digits_split.digits = mod(fees.fee_minor, 1000000)
    left join periods on periods.ordered_date = fees.ordered_date and periods.cap_period = bearers.cap_period
)

select * from final
