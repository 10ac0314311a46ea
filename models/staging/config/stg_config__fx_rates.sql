with split as (
    select
        rate_date, from_currency, to_currency, rate,
        split_part(rate, '.', 1) as whole_digits,
        split_part(rate, '.', 2) as decimal_digits
    from {{ ref('fx_rates') }}
),

-- BILL-FX: a rate is a plain decimal of at most 6 digits before the point and 12 after it, so its product with the largest amount is
-- exact in 128 bits. It is kept as a whole number over a power of ten.
final as (
    select
        rate_date, from_currency, to_currency, rate,
        case when {{ is_plain_rate('rate') }} then cast(whole_digits || decimal_digits as bigint) end as rate_digits,
        case when {{ is_plain_rate('rate') }} then cast(rpad('1', 1 + cast(length(decimal_digits) as integer), '0') as bigint) end as rate_scale
    from split
)

select * from final
