{{ config(materialized='ephemeral') }}

-- Entries that no settlement batch can be looked for any more are left out, or the cost of a batch would grow with all rent and wages.
with reach as (
    select
        min(banked.first_batch_id) as first_batch_id,
        max(rules.date_window_days + rules.buffer_days) + max(rules.date_window_days) as days
    from {{ ref('int_reconciliation__channels_banked') }} as banked
    inner join {{ ref('stg_config__reconciliation_rules') }} as rules
        on rules.relation = 'channel_bank' and rules.channel_code = banked.channel_code
),

final as (
    select
        deposits.account_no, deposits.bank_ref_no, deposits.currency, deposits.booked_date,
        case when deposits.direction = 'debit' then -deposits.amount_minor else deposits.amount_minor end as deposited_minor
    from {{ ref('stg_bank__deposits') }} as deposits
    inner join reach on reach.first_batch_id <= deposits.batch_id
    left join {{ history_of('int_reconciliation__deposits_assigned') }} as assigned
        on
            assigned.account_no = deposits.account_no and assigned.bank_ref_no = deposits.bank_ref_no
            and assigned.batch_id < {{ batch_id() }}
    where
        deposits.batch_id <= {{ batch_id() }} and deposits.settlement_batch_no is null and assigned.bank_ref_no is null
        and {{ batch_date() }} - deposits.booked_date <= reach.days
)

select * from final
