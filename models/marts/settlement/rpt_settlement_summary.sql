with final as (
    select
        participant_id,
        model_code,
        currency,
        settlement_date,
        count(*) as entry_count,
        {{ minor_sum("case when entry_kind = 'refund' then 0 else gross_minor end") }} as gross_minor,
        {{ minor_sum("case when entry_kind = 'refund' then -gross_minor else 0 end") }} as refund_minor,
        {{ minor_sum('fee_minor') }} as fee_minor,
        {{ minor_sum('charge_minor') }} as charge_minor,
        {{ minor_sum('net_minor') }} as net_minor,
        {{ minor_sum('case when is_settleable then net_minor else 0 end') }} as settled_minor,
        {{ minor_sum("case when not is_settleable and blocked_by = 'not_due' then net_minor else 0 end") }} as not_due_minor,
        {{ minor_sum("case when not is_settleable and blocked_by <> 'not_due' then net_minor else 0 end") }} as blocked_minor
    from {{ ref('int_settlement__entries_shown') }}
    group by participant_id, model_code, currency, settlement_date
)

select * from final
