{{ config(materialized='ephemeral') }}

with fees as (
    select * from {{ ref('int_clearing__fees_to_allocate') }}
),

-- ALLOC-RATIO: ppm of a million are whole, so the rounding of a fee is that of its last six digits; each of these is split once.
last_digits as (
    select distinct allocation_rule_code, mod(fee_minor, 1000000) as digits from fees
),

digits_to_split as (
    select last_digits.*, bearers.bearer, bearers.priority, bearers.ppm
    from last_digits
    inner join {{ ref('stg_config__allocation_bearers') }} as bearers
        on
            bearers.allocation_rule_code = last_digits.allocation_rule_code
            and bearers.allocation_level = 1 and bearers.method = 'ratio'
),

digits_split as (
    {{ largest_remainder('digits_to_split', ['allocation_rule_code', 'digits'], 'priority', 'digits', 'ppm') }}
),

final as (
    select
        fees.fee_no, fees.fee_minor, scopes.scope_no, scopes.method, scopes.is_residual, scopes.place,
        cast(
            case
                when scopes.method = 'ratio'
                    then {{ whole_quotient('fees.fee_minor', '1000000') }} * scopes.ppm + digits_split.share_minor
                when scopes.method = 'fixed' and scopes.is_residual then greatest(0, fees.fee_minor - scopes.fixed_before_minor)
                when scopes.method = 'fixed'
                    then greatest(0, least(scopes.fixed_minor, fees.fee_minor - scopes.fixed_before_minor))
            end as bigint
        ) as demand_minor
    from fees
    inner join {{ ref('int_clearing__scopes') }} as scopes
        on
            scopes.allocation_rule_code = fees.allocation_rule_code and scopes.currency = fees.currency
            and scopes.ordered_date = fees.ordered_date and scopes.contract_no = fees.contract_no
    left join digits_split
        on
            digits_split.allocation_rule_code = fees.allocation_rule_code
            and digits_split.bearer = scopes.bearer
            and digits_split.digits = mod(fees.fee_minor, 1000000)
)

select * from final
