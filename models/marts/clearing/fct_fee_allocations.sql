with grants as (
    select * from {{ ref('int_clearing__grants') }}
    where row_kind = 'grant'
),

final as (
    select
        grants.batch_id,
        details.clearing_seq,
        details.order_no,
        details.rule_code,
        grants.allocation_rule_code,
        1 as level,
        grants.parent_bearer,
        grants.bearer,
        grants.currency,
        grants.period_key,
        grants.demand_minor,
        grants.granted_minor,
        grants.accumulated_minor,
        grants.cap_minor,
        details.original_clearing_seq,
        true as is_valid
    from grants
    inner join {{ ref('fct_clearing_details') }} as details on details.fee_no = grants.fee_no
)

select * from final
