{{ config(materialized='ephemeral') }}

with settled as (
    select * from {{ ref('int_settlement__entries_due') }}
    where batch_id = {{ batch_id() }} and blocked_by = ''
),

-- INV-ONCE: no entry settles twice.
settled_again as (
    select settled.first_clearing_seq
    from settled
    inner join {{ ref('int_settlement__entries_due') }} as before
        on
            before.first_clearing_seq = settled.first_clearing_seq and before.participant_id = settled.participant_id
            and before.batch_id < settled.batch_id and before.blocked_by = ''
),

settled_sums as (
    select participant_id, account_no, currency, model_code, settlement_date, {{ minor_sum('net_minor') }} as net_minor
    from settled
    group by participant_id, account_no, currency, model_code, settlement_date
),

bills as (
    select * from {{ ref('fct_settlement_bills') }}
    where batch_id = {{ batch_id() }}
),

-- INV-BILLS: a bill's parts are the sum of its entries, what it pays is never negative, and what is not paid is carried on.
bills_wrong as (
    select coalesce(bills.net_minor, 0) - coalesce(settled_sums.net_minor, 0) as difference_minor
    from bills
    full outer join settled_sums
        on
            settled_sums.participant_id = bills.participant_id and settled_sums.account_no = bills.account_no
            and settled_sums.currency = bills.currency and settled_sums.model_code = bills.model_code
            and settled_sums.settlement_date = bills.settlement_date
    where
        {{ differs(
            'bills.gross_minor - bills.refund_minor - bills.fee_minor - bills.charge_minor', 'coalesce(settled_sums.net_minor, 0)'
        ) }}
        or {{ differs(
            'coalesce(settled_sums.net_minor, 0) + bills.adjustment_minor + bills.carried_in_minor - bills.carried_out_minor',
            'bills.net_minor'
        ) }}
        or bills.net_minor < 0 or bills.carried_out_minor > 0
),

-- INV-RETURNED: what came back from the bank is in the bills of the batch, and nothing else is.
returned as (
    select currency, {{ minor_sum('net_minor') }} as returned_minor from {{ ref('int_settlement__payouts_returned') }}
    group by currency
),

adjusted as (
    select currency, {{ minor_sum('adjustment_minor') }} as adjustment_minor from bills
    group by currency
),

returned_wrong as (
    select coalesce(adjusted.adjustment_minor, 0) - coalesce(returned.returned_minor, 0) as difference_minor
    from returned
    full outer join adjusted on adjusted.currency = returned.currency
    where coalesce(adjusted.adjustment_minor, 0) <> coalesce(returned.returned_minor, 0)
),

cleared as (
    select currency, {{ minor_sum("case when entry_kind = 'new' then amount_minor else -amount_minor end") }} as gross_minor
    from {{ ref('int_clearing__lines_sorted') }}
    where batch_id = {{ batch_id() }} and clearing_seq is not null
    group by currency
),

entered as (
    select currency, {{ minor_sum('gross_minor') }} as gross_minor
    from {{ ref('int_settlement__entries') }}
    where batch_id = {{ batch_id() }}
    group by currency
),

-- INV-ENTRIES: what clears becomes entries of the same amount.
entries_wrong as (
    select coalesce(cleared.gross_minor, 0) - coalesce(entered.gross_minor, 0) as difference_minor
    from cleared
    full outer join entered on entered.currency = cleared.currency
    where {{ differs('cleared.gross_minor', 'entered.gross_minor') }}
),

-- INV-FILES: every row of a file is loaded, rejected or a repeat of one that was.
files_wrong as (
    select file_id from {{ ref('rpt_load_batches') }}
    where batch_id = {{ batch_id() }} and {{ differs('rows_read', 'rows_loaded + rows_rejected + rows_repeated') }}
),

final as (
    select 'entries_settle_once' as invariant, count(*) as failing_rows, cast(0 as bigint) as difference_minor from settled_again
    union all
    select 'bill_equals_its_entries', count(*), coalesce({{ minor_sum('difference_minor') }}, 0) from bills_wrong
    union all
    select 'returned_payouts_are_billed', count(*), coalesce({{ minor_sum('difference_minor') }}, 0) from returned_wrong
    union all
    select 'entries_equal_what_cleared', count(*), coalesce({{ minor_sum('difference_minor') }}, 0) from entries_wrong
    union all
    select 'file_rows_accounted_for', count(*), 0 from files_wrong
)

select * from final
