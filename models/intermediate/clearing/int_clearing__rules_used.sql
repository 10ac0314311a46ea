with configured as (
    select distinct
        rule_code, rule_key, fee_type, method, base, ppm, fixed_minor, rate_ppm, flat_minor, package_size_minor, package_price_minor,
        min_minor, max_minor, rounding, accumulate_period, refund_fee, allocation_rule_code, currency, valid_from, valid_to,
        false as is_split
    from {{ ref('stg_config__billing_rules') }}
    union all
    select
        rule_code, rule_key, fee_type, method, base, ppm, fixed_minor, rate_ppm, flat_minor, package_size_minor, package_price_minor,
        min_minor, max_minor, rounding, accumulate_period, refund_fee, allocation_rule_code, currency, valid_from, valid_to,
        true
    from {{ ref('stg_config__split_rules') }}
),

known as (
    select rule_key, rule_no from {{ this }}
    where batch_id < {{ batch_id() }} and is_first_use
),

last_number as (
    select coalesce(max(rule_no), 0) as rule_no from {{ this }}
    where batch_id < {{ batch_id() }}
),

-- BILL-RECORD: the version of a rule that billed a batch is kept with it, so that any fee can be computed again from what is recorded.
numbered as (
    select
        configured.*,
        known.rule_no as known_no,
        sum(case when known.rule_no is null then 1 else 0 end) over (
            order by {{ bytewise('configured.rule_key') }} rows between unbounded preceding and current row
        ) as new_place
    from configured
    left join known on known.rule_key = configured.rule_key
),

final as (
    select
        cast({{ batch_id() }} as bigint) as batch_id,
        cast(coalesce(numbered.known_no, last_number.rule_no + numbered.new_place) as bigint) as rule_no,
        numbered.known_no is null as is_first_use,
        numbered.rule_key, numbered.rule_code, numbered.fee_type, numbered.method, numbered.base, numbered.ppm, numbered.fixed_minor,
        numbered.rate_ppm, numbered.flat_minor, numbered.package_size_minor, numbered.package_price_minor,
        numbered.min_minor, numbered.max_minor, numbered.rounding, numbered.accumulate_period, numbered.refund_fee,
        numbered.allocation_rule_code, numbered.currency, numbered.valid_from, numbered.valid_to, numbered.is_split
    from numbered
    cross join last_number
)

select * from final
