with deposited as (
    select * from {{ source('raw', 'bank_deposits') }}
),

currencies as (
    select currency, minor_per_major from {{ ref('stg_config__currencies') }}
),

final as (
    select
        deposited._batch_id as batch_id,
        deposited.account_no,
        deposited.bank_ref_no,
        deposited.booked_on as booked_date,
        deposited.direction,
        deposited.currency,
        {{ to_minor('deposited.amount', 'currencies.minor_per_major') }} as amount_minor,
        {{ to_minor('deposited.balance', 'currencies.minor_per_major') }} as balance_minor,
        deposited.settlement_batch_no,
        deposited.narrative,
        deposited._file_id as file_id,
        deposited._line_no as file_line_no
    from deposited
    left join currencies on currencies.currency = deposited.currency
)

select * from final
