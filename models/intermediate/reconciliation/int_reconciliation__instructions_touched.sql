{{ config(materialized='ephemeral') }}

with compared as (
    select * from {{ ref('int_reconciliation__payouts_compared') }}
),

answered as (
    select instruction_no from {{ ref('stg_bank__returns') }}
    where batch_id = {{ batch_id() }} and status in ('success', 'failed')
),

final as (
    select batch_id, {{ instruction_no('bill_no', 'attempt_no') }} as instruction_no, currency, net_minor
    from {{ ref('int_settlement__bills_netted') }}
    where
        batch_id between (select since_batch_id from compared) and {{ batch_id() }}
        and row_kind = 'bill' and net_minor > 0
    union
    select batch_id, {{ instruction_no('bill_no', 'attempt_no') }}, currency, net_minor
    from {{ ref('int_settlement__bills_netted') }}
    where
        batch_id <= {{ batch_id() }} and row_kind = 'bill' and net_minor > 0
        and {{ instruction_no('bill_no', 'attempt_no') }} in (select instruction_no from answered)
)

select * from final
