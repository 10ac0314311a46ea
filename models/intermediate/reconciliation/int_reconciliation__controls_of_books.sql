{{ config(materialized='ephemeral') }}

with entries as (
    select participant_id, currency, {{ minor_sum('gross_minor') }} as entered_minor
    from {{ ref('int_settlement__entries') }}
    where batch_id = {{ batch_id() }}
    group by participant_id, currency
),

lines as (
    select
        participant_id, currency,
        {{ minor_sum("case when entry_kind = 'new' then amount_minor else -amount_minor end") }} as cleared_minor
    from {{ ref('int_clearing__lines_sorted') }}
    where batch_id = {{ batch_id() }} and clearing_seq is not null
    group by participant_id, currency
),

-- The bearers of a fee stand under the allocation rule that its kind names: two ways to the same code.
fees as (
    select kinds.allocation_rule_code, kinds.currency, {{ minor_sum('fees.fee_minor') }} as fee_minor
    from {{ ref('int_clearing__fees') }} as fees
    inner join {{ ref('int_clearing__fee_kinds') }} as kinds on kinds.kind_no = fees.kind_no
    where fees.batch_id = {{ batch_id() }} and kinds.allocation_rule_code is not null
    group by kinds.allocation_rule_code, kinds.currency
),

shares as (
    select bearers.allocation_rule_code, bearers.currency, {{ minor_sum('grants.granted_minor') }} as granted_minor
    from {{ ref('int_clearing__grants') }} as grants
    inner join {{ ref('int_clearing__bearers_due') }} as bearers on bearers.bearer_no = grants.bearer_no
    where grants.batch_id = {{ batch_id() }} and grants.fee_no is not null and bearers.allocation_level = 1
    group by bearers.allocation_rule_code, bearers.currency
),

bills as (
    select participant_id, currency, {{ minor_sum('gross_minor - refund_minor - fee_minor - charge_minor') }} as billed_minor
    from {{ ref('int_settlement__bills_netted') }}
    where batch_id = {{ batch_id() }} and row_kind = 'bill'
    group by participant_id, currency
),

settled as (
    select participant_id, currency, {{ minor_sum('net_minor') }} as settled_minor
    from {{ ref('int_settlement__entries_due') }}
    where batch_id = {{ batch_id() }} and blocked_by = ''
    group by participant_id, currency
),

final as (
    select
        'entries_to_lines' as control, coalesce(entries.participant_id, lines.participant_id) as scope,
        coalesce(entries.currency, lines.currency) as currency,
        coalesce(lines.cleared_minor, 0) as left_minor, coalesce(entries.entered_minor, 0) as right_minor
    from entries
    full outer join lines on lines.participant_id = entries.participant_id and lines.currency = entries.currency
    union all
    select
        'fees_to_shares', coalesce(fees.allocation_rule_code, shares.allocation_rule_code), coalesce(fees.currency, shares.currency),
        coalesce(fees.fee_minor, 0), coalesce(shares.granted_minor, 0)
    from fees
    full outer join shares on shares.allocation_rule_code = fees.allocation_rule_code and shares.currency = fees.currency
    union all
    select
        'entries_to_bills', coalesce(settled.participant_id, bills.participant_id), coalesce(settled.currency, bills.currency),
        coalesce(settled.settled_minor, 0), coalesce(bills.billed_minor, 0)
    from settled
    full outer join bills on bills.participant_id = settled.participant_id and bills.currency = settled.currency
)

select * from final
