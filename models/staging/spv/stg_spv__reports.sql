with reports as (
    select * from {{ source('raw', 'spv_reports') }}
),

currencies as (
    select currency, minor_per_major from {{ ref('stg_config__currencies') }}
),

final as (
    select
        reports._batch_id as batch_id,
        reports.spv_code,
        reports.report_kind,
        reports.spv_txn_no,
        reports.order_no,
        reports.product_code,
        reports.currency,
        {{ to_minor('reports.amount', 'currencies.minor_per_major') }} as amount_minor,
        {{ to_minor('reports.principal', 'currencies.minor_per_major') }} as principal_minor,
        {{ to_minor('reports.interest', 'currencies.minor_per_major') }} as interest_minor,
        {{ to_minor('reports.fee', 'currencies.minor_per_major') }} as fee_minor,
        currencies.minor_per_major is not null as is_known_currency,
        reports.status,
        reports.confirmed_on as confirmed_date,
        false as is_corrected,
        reports._file_id as file_id,
        reports._line_no as file_line_no
    from reports
    left join currencies on currencies.currency = reports.currency
)

select * from final
