-- RESET-PAID: the instruction of a bill is named after it; an answer of another amount or currency pays something else.
with paid as (
    select distinct instruction_no, currency, amount_minor from {{ ref('stg_bank__returns') }}
    where status = 'success'
),

bills as (
    select bills.*, paid.instruction_no is not null as is_paid
    from {{ ref('int_settlement__bills_netted') }} as bills
    left join paid
        on
            paid.instruction_no = {{ instruction_no('bills.bill_no', 'bills.attempt_no') }}
            and paid.currency = bills.currency and paid.amount_minor = bills.net_minor
    where bills.row_kind = 'bill'
),

final as (
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
        adjustment_minor,
        carried_in_minor,
        carried_out_minor,
        net_minor,
        case when is_paid then 'paid' else 'CREATED' end as state
    from bills
)

select * from final
