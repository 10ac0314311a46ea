with loaded as (
    select reports.*, spv_code || '|' || report_kind || '|' || spv_txn_no as row_key
    from {{ source('raw', 'spv_reports') }} as reports
),

corrections as (
    select * from {{ ref('stg_decisions__spv_corrections') }}
),

-- SPV-FIX: the line as it was loaded counts until it is corrected, the corrected one from then on; the file stays what it was.
reports as (
    select
        loaded._batch_id as batch_id, loaded._batch_id as from_batch_id, first_ones.from_batch_id as until_batch_id, false as is_corrected,
        loaded.spv_code, loaded.report_kind, loaded.spv_txn_no, loaded.order_no, loaded.product_code, loaded.amount, loaded.principal,
        loaded.interest, loaded.fee, loaded.currency, loaded.status, loaded.confirmed_on, loaded._file_id, loaded._line_no
    from loaded
    left join corrections as first_ones on first_ones.row_key = loaded.row_key and first_ones.change_no = 1
    union all
    select
        loaded._batch_id, corrections.from_batch_id, corrections.until_batch_id, true,
        loaded.spv_code, loaded.report_kind, loaded.spv_txn_no,
        case when corrections.has_order_no then corrections.order_no else loaded.order_no end,
        case when corrections.has_product_code then corrections.product_code else loaded.product_code end,
        case when corrections.has_amount then {{ decimal_from_text('corrections.amount') }} else loaded.amount end,
        case when corrections.has_principal then {{ decimal_from_text('corrections.principal') }} else loaded.principal end,
        case when corrections.has_interest then {{ decimal_from_text('corrections.interest') }} else loaded.interest end,
        case when corrections.has_fee then {{ decimal_from_text('corrections.fee') }} else loaded.fee end,
        case when corrections.has_currency then corrections.currency else loaded.currency end,
        case when corrections.has_status then corrections.status else loaded.status end,
        loaded.confirmed_on, loaded._file_id, loaded._line_no
    from corrections
    inner join loaded on loaded.row_key = corrections.row_key
),

currencies as (
    select currency, minor_per_major from {{ ref('stg_config__currencies') }}
),

final as (
    select
        reports.batch_id,
        reports.from_batch_id,
        reports.until_batch_id,
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
        reports.is_corrected,
        reports._file_id as file_id,
        reports._line_no as file_line_no
    from reports
    left join currencies on currencies.currency = reports.currency
)

select * from final
