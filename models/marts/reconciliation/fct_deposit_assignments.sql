with final as (
    select
        assigned.batch_id,
        batches.batch_date,
        assigned.channel_code || '|' || assigned.settlement_batch_no || '|' || assigned.currency as item_key,
        assigned.channel_code,
        assigned.settlement_batch_no,
        assigned.currency,
        assigned.account_no,
        assigned.bank_ref_no,
        deposits.booked_date,
        deposits.narrative,
        case when deposits.direction = 'debit' then -deposits.amount_minor else deposits.amount_minor end as deposited_minor,
        assigned.difference_minor,
        assigned.days_apart
    from {{ ref('int_reconciliation__deposits_assigned') }} as assigned
    inner join {{ ref('stg_loads__batches') }} as batches on batches.batch_id = assigned.batch_id
    inner join {{ ref('stg_bank__deposits') }} as deposits
        on deposits.account_no = assigned.account_no and deposits.bank_ref_no = assigned.bank_ref_no
)

select * from final
