with final as (
    select
        batch_id,
        clearing_seq,
        order_no,
        rule_code,
        allocation_rule_code,
        1 as level,
        parent_bearer,
        bearer,
        currency,
        period_key,
        demand_minor,
        granted_minor,
        accumulated_minor,
        cap_minor,
        original_clearing_seq,
        true as is_valid
    from {{ ref('int_clearing__grants') }}
    where row_kind = 'grant'
)

select * from final
