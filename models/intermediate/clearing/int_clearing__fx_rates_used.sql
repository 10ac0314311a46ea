with new_kinds as (
    select distinct currency, contract_currency, ordered_date from {{ ref('int_clearing__fee_kinds') }}
    where batch_id = {{ batch_id() }} and contract_currency is not null
),

-- BILL-FX: a refund is shown by the rate of its own date, in the currency that the contract had when its original cleared.
taken_back as (
    select distinct kinds.currency, kinds.contract_currency, lines.ordered_date
    from {{ ref('int_clearing__fees') }} as fees
    inner join {{ ref('int_clearing__fee_kinds') }} as kinds on kinds.kind_no = fees.kind_no
    inner join {{ ref('int_clearing__lines_sorted') }} as lines on lines.clearing_seq = {{ seq_of_fee('fees.fee_no') }}
    where
        fees.batch_id = {{ batch_id() }} and fees.original_fee_no is not null and kinds.contract_currency is not null
        and lines.batch_id = {{ batch_id() }} and lines.entry_kind = 'refund'
),

wanted as (
    select currency, contract_currency, ordered_date from new_kinds
    union
    select currency, contract_currency, ordered_date from taken_back
),

-- The latest rate that is not after the order's own date.
days as (
    select wanted.currency, wanted.contract_currency, wanted.ordered_date, max(rates.rate_date) as rate_date
    from wanted
    inner join {{ ref('stg_config__fx_rates') }} as rates
        on
            rates.from_currency = wanted.currency and rates.to_currency = wanted.contract_currency
            and rates.rate_date <= wanted.ordered_date
    group by wanted.currency, wanted.contract_currency, wanted.ordered_date
),

found as (
    select
        days.currency, days.contract_currency, days.ordered_date, rates.rate, days.rate_date, rates.rate_digits, rates.rate_scale,
        exponents.minor_per_major, contract_exponents.minor_per_major as contract_minor_per_major
    from days
    inner join {{ ref('stg_config__fx_rates') }} as rates
        on
            rates.from_currency = days.currency and rates.to_currency = days.contract_currency
            and rates.rate_date = days.rate_date
    inner join {{ ref('stg_config__currencies') }} as exponents on exponents.currency = days.currency
    inner join {{ ref('stg_config__currencies') }} as contract_exponents on contract_exponents.currency = days.contract_currency
),

final as (
    select
        cast({{ batch_id() }} as bigint) as batch_id, currency, contract_currency, ordered_date, rate as fx_rate,
        rate_date as fx_rate_date, rate_digits, rate_scale, minor_per_major, contract_minor_per_major
    from found
    union all
    select
        cast({{ batch_id() }} as bigint), currency, contract_currency, ordered_date, '1', cast(null as date),
        cast(1 as bigint), cast(1 as bigint), cast(1 as bigint), cast(1 as bigint)
    from wanted
    where currency = contract_currency
)

select * from final
