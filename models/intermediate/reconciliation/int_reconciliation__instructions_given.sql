{{ config(materialized='ephemeral') }}

with bills as (
    select batch_id, bill_no, {{ instruction_no('bill_no', 'attempt_no') }} as instruction_no, currency, net_minor, needs_approval
    from {{ ref('int_settlement__bills_netted') }}
    where row_kind = 'bill' and net_minor > 0 and batch_id <= {{ batch_id() }}
),

approved as (
    select object_id as bill_no, min(after_batch_id) + 1 as batch_id from {{ ref('stg_decisions__audit_journal') }}
    where object_kind = 'bill' and to_name in ('APPROVED', 'PAID')
    group by object_id
),

-- REC-PAYOUT: what waits for approval is not instructed, so no answer is missing; once approved it stays instructed.
final as (
    select batch_id, instruction_no, currency, net_minor from bills
    where not needs_approval
    union all
    select greatest(bills.batch_id, approved.batch_id), bills.instruction_no, bills.currency, bills.net_minor
    from bills
    inner join approved on approved.bill_no = bills.bill_no
    where bills.needs_approval
)

select * from final
