with final as (
    select
        batch_id,
        batch_date,
        order_no,
        order_version,
        reason_code,
        reason_detail as detail
    from {{ ref('int_clearing__lines_sorted') }}
    where is_reason_new
)

select * from final
