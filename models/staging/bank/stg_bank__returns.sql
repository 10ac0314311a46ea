with returned as (
    select * from {{ source('raw', 'bank_returns') }}
),

currencies as (
    select currency, minor_per_major from {{ ref('stg_config__currencies') }}
),

final as (
    select
        returned._batch_id as batch_id,
        returned.file_no,
        returned.instruction_no,
        returned.bank_txn_no,
        returned.currency,
        {{ to_minor('returned.amount', 'currencies.minor_per_major') }} as amount_minor,
        returned.status,
        returned.failure_code,
        returned.failure_reason,
        returned.processed_at,
        returned._file_id as file_id,
        returned._line_no as file_line_no
    from returned
    left join currencies on currencies.currency = returned.currency
)

select * from final
