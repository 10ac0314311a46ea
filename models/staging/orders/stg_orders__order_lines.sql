with order_lines as (
    select * from {{ source('raw', 'order_lines') }}
),

final as (
    select
        _batch_id as batch_id,
        order_no,
        version as order_version,
        line_no,
        participant_id,
        product_code,
        amount as line_amount,
        attributes,
        _file_id as file_id,
        _line_no as file_line_no
    from order_lines
)

select * from final
