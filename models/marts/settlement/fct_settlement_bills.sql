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
        bills.bill_no,
        bills.batch_id,
        bills.batch_date,
        bills.participant_id,
        bills.account_no,
        bills.currency,
        bills.model_code,
        bills.settlement_date,
        bills.entry_count,
        bills.gross_minor,
        bills.refund_minor,
        bills.fee_minor,
        bills.charge_minor,
        bills.adjustment_minor,
        bills.carried_in_minor,
        bills.carried_out_minor,
        bills.net_minor,
        case when bills.is_paid then 'paid' else allowed.audit_state end as state,
        allowed.is_payable
    from bills
    inner join {{ ref('int_settlement__bills_allowed') }} as allowed on allowed.bill_no = bills.bill_no
)

select * from final
