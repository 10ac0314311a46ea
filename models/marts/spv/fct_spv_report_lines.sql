with lines as (
    select * from {{ ref('int_spv__report_lines') }}
),

reports as (
    select * from {{ ref('int_spv__report_states') }}
),

currencies as (
    select currency, minor_per_major from {{ ref('stg_config__currencies') }}
),

final as (
    select
        lines.batch_id,
        reports.batch_date,
        reports.report_no,
        lines.spv_code,
        lines.direction,
        lines.report_kind,
        reports.state,
        lines.line_no,
        lines.line_kind,
        lines.order_no,
        lines.order_version,
        lines.spv_txn_no,
        lines.product_code,
        lines.currency,
        lines.amount_minor,
        lines.principal_minor,
        lines.interest_minor,
        lines.fee_minor,
        {{ to_major('lines.amount_minor', 'currencies.minor_per_major') }} as report_amount,
        {{ to_major('lines.principal_minor', 'currencies.minor_per_major') }} as principal_amount,
        {{ to_major('lines.interest_minor', 'currencies.minor_per_major') }} as interest_amount,
        {{ to_major('lines.fee_minor', 'currencies.minor_per_major') }} as fee_amount,
        lines.told_minor,
        lines.status,
        lines.confirmed_date,
        lines.result,
        lines.our_minor,
        lines.difference_minor,
        lines.error_code,
        {{ spv_error_text('lines.error_code') }} as error_text,
        lines.error_code is not null as is_error,
        lines.is_corrected,
        lines.file_id,
        lines.file_line_no
    from lines
    inner join reports
        on
            reports.batch_id = lines.batch_id and reports.spv_code = lines.spv_code and reports.direction = lines.direction
            and reports.report_kind = lines.report_kind
    left join currencies on currencies.currency = lines.currency
)

select * from final
