with lines_out as (
    select * from {{ ref('int_spv__lines_out') }}
),

lines_in as (
    select * from {{ ref('int_spv__lines_in') }}
),

items as (
    select * from {{ ref('int_spv__items_known') }}
    where own_txn_no = ''
),

lines as (
    select
        'out' as direction, lines_out.spv_code, lines_out.report_kind, lines_out.order_no, lines_out.order_version,
        cast(null as {{ dbt.type_string() }}) as spv_txn_no, lines_out.line_kind, lines_out.product_code, lines_out.currency,
        lines_out.amount_minor, lines_out.principal_minor, lines_out.interest_minor, lines_out.fee_minor, lines_out.told_minor,
        cast(null as {{ dbt.type_string() }}) as status, cast(null as date) as confirmed_date,
        items.result, items.left_minor as our_minor, items.difference_minor, lines_out.error_code, false as is_corrected,
        cast(null as bigint) as file_id, cast(null as bigint) as file_line_no
    from lines_out
    left join items
        on items.spv_code = lines_out.spv_code and items.order_no = lines_out.order_no and items.report_kind = lines_out.report_kind
    union all
    select
        'in', spv_code, report_kind, order_no, null, spv_txn_no, case when is_corrected then 'corrected' else 'reported' end, product_code, currency,
        amount_minor, principal_minor, interest_minor, fee_minor, null,
        status, confirmed_date, result, our_minor, difference_minor, error_code, is_corrected, file_id, file_line_no
    from lines_in
),

final as (
    select
        cast({{ batch_id() }} as bigint) as batch_id,
        lines.*,
        row_number() over (
            partition by direction, spv_code, report_kind
            order by {{ bytewise('order_no') }} nulls last, {{ bytewise('currency') }}, {{ bytewise('line_kind') }}, {{ bytewise('spv_txn_no') }}
        ) as line_no
    from lines
)

select * from final
