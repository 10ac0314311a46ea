-- RESET-PAID: the instruction of a bill is named after it; an answer of another amount or currency pays something else.
with paid as (
    select distinct instruction_no, currency, amount_minor from {{ ref('stg_bank__returns') }}
    where status = 'success'
),

-- AUDIT-BILLS: what is not approved is not paid, where the model asks for approval or somebody put the bill under audit.
guarded_models as (
    select distinct model_code from {{ ref('stg_config__settlement_models') }}
    where requires_approval
),

audited as (
    select object_id as bill_no, to_name from {{ ref('stg_decisions__audit_journal') }}
    where object_kind = 'bill' and is_last
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
        case when bills.is_paid then 'paid' else coalesce(audited.to_name, 'CREATED') end as state,
        coalesce(audited.to_name in ('APPROVED', 'PAID'), guarded_models.model_code is null) as is_payable
    from bills
    left join audited on audited.bill_no = bills.bill_no
    left join guarded_models on guarded_models.model_code = bills.model_code
)

select * from final
