{{ config(materialized='ephemeral') }}

with guarded_models as (
    select distinct model_code from {{ ref('stg_config__settlement_models') }}
    where requires_approval
),

audited as (
    select object_id as bill_no, to_name from {{ ref('stg_decisions__audit_journal') }}
    where object_kind = 'bill' and is_last
),

-- AUDIT-BILLS: what is not approved is not paid, where the model asks for approval or somebody put the bill under audit.
final as (
    select
        bills.bill_no,
        coalesce(audited.to_name, 'CREATED') as audit_state,
        coalesce(audited.to_name in ('APPROVED', 'PAID'), guarded_models.model_code is null) as is_payable
    from {{ ref('int_settlement__bills_netted') }} as bills
    left join audited on audited.bill_no = bills.bill_no
    left join guarded_models on guarded_models.model_code = bills.model_code
    where bills.row_kind = 'bill'
)

select * from final
