with final as (
    select
        rule_code,
        {{ content_key([
            'rule_code', 'fee_type', 'method', 'base', 'ppm', 'fixed_minor', 'package_size_minor', 'package_price_minor',
            'min_minor', 'max_minor', 'rounding', 'accumulate_period', 'refund_fee', 'allocation_rule_code', 'currency',
            'valid_from', 'valid_to'
        ]) }} as rule_key,
        fee_type,
        method,
        coalesce(base, 'amount') as base,
        coalesce(ppm, 0) as ppm,
        coalesce(fixed_minor, 0) as fixed_minor,
        case when method in ('rate', 'rate_plus_fixed') then coalesce(ppm, 0) else 0 end as rate_ppm,
        case when method in ('fixed', 'rate_plus_fixed') then coalesce(fixed_minor, 0) else 0 end as flat_minor,
        coalesce(package_size_minor, 1) as package_size_minor,
        coalesce(package_price_minor, 0) as package_price_minor,
        min_minor,
        max_minor,
        coalesce(rounding, 'half_up') as rounding,
        case when method in ('cumulative_graduated', 'cumulative_volume') then accumulate_period end as accumulate_period,
        coalesce(refund_fee, false) as refund_fee,
        allocation_rule_code,
        currency,
        coalesce(valid_from, cast('0001-01-01' as date)) as valid_from,
        coalesce(valid_to, cast('9999-12-31' as date)) as valid_to
    from {{ ref('billing_rules') }}
)

select * from final
