with final as (
    select
        bill_no,
        batch_id,
        batch_date,
        participant_id,
        account_no,
        currency,
        model_code,
        settlement_date,
        entry_count,
        gross_minor,
        refund_minor,
        fee_minor,
        charge_minor,
        cast(0 as bigint) as adjustment_minor,
        carried_in_minor,
        carried_out_minor,
        net_minor,
        'CREATED' as state
    from {{ ref('int_settlement__bills_netted') }}
    where row_kind = 'bill'
)

select * from final
