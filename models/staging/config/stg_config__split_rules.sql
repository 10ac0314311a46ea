with models as (
    select distinct allocation_rule_code from {{ ref('stg_config__settlement_models') }}
    where combination in ('allocate', 'allocate_bill') and allocation_rule_code is not null
),

-- COMB-SPLIT: a line's amount that is split itself is billed by a rule that takes the whole of it and gives all of it back.
final as (
    select
        allocation_rule_code as rule_code,
        {{ content_key(["'split'", 'allocation_rule_code']) }} as rule_key,
        'amount' as fee_type,
        'rate' as method,
        'amount' as base,
        1000000 as ppm,
        0 as fixed_minor,
        1000000 as rate_ppm,
        0 as flat_minor,
        1 as package_size_minor,
        0 as package_price_minor,
        cast(null as bigint) as min_minor,
        cast(null as bigint) as max_minor,
        'half_up' as rounding,
        cast(null as {{ dbt.type_string() }}) as accumulate_period,
        true as refund_fee,
        allocation_rule_code,
        cast(null as {{ dbt.type_string() }}) as currency,
        cast('0001-01-01' as date) as valid_from,
        cast('9999-12-31' as date) as valid_to
    from models
)

select * from final
