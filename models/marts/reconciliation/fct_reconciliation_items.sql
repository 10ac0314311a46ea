with final as (
    select
        batch_id,
        batch_date,
        'orders_channel' as relation,
        {{ item_key() }} as item_key,
        channel_code,
        order_no,
        result,
        pool,
        previous_result,
        left_minor,
        right_minor,
        difference_minor,
        currency,
        mismatched_fields,
        opened_batch_id,
        match_kind,
        cast(null as {{ dbt.type_string() }}) as decision_no
    from {{ ref('int_reconciliation__items') }}
    where is_changed
)

select * from final
