with entries as (
    select * from {{ ref('int_settlement__entries_due') }}
    where batch_id = {{ batch_id() }} and blocked_by = ''
),

carried_before as (
    select participant_id, account_no, currency, model_code, carried_out_minor from {{ this }}
    where batch_id = {{ batch_id() }} - 1 and row_kind = 'balance'
),

-- SET-RETURN: what the bank could not pay is payable again, on the batch's own date.
parts as (
    select
        participant_id, account_no, currency, model_code, settlement_date, entry_kind, 1 as entry_count, gross_minor, fee_minor,
        charge_minor, net_minor, cast(0 as bigint) as returned_minor, cast(0 as bigint) as attempts_before
    from entries
    union all
    select
        participant_id, account_no, currency, model_code, {{ batch_date() }}, 'returned', 0, 0, 0, 0, 0, net_minor, attempt_no
    from {{ ref('int_settlement__payouts_returned') }}
),

bills as (
    select
        participant_id, account_no, currency, model_code, settlement_date,
        {{ minor_sum('entry_count') }} as entry_count,
        {{ minor_sum("case when entry_kind = 'refund' then 0 else gross_minor end") }} as gross_minor,
        {{ minor_sum("case when entry_kind = 'refund' then -gross_minor else 0 end") }} as refund_minor,
        {{ minor_sum('fee_minor') }} as fee_minor,
        {{ minor_sum('charge_minor') }} as charge_minor,
        {{ minor_sum('net_minor') }} as entries_net_minor,
        {{ minor_sum('returned_minor') }} as adjustment_minor,
        max(attempts_before) + 1 as attempt_no
    from parts
    group by participant_id, account_no, currency, model_code, settlement_date
),

running as (
    select
        bills.*,
        coalesce(carried_before.carried_out_minor, 0) as opening_minor,
        coalesce(carried_before.carried_out_minor, 0) + {{ minor_sum(
            'bills.entries_net_minor + bills.adjustment_minor',
            over='partition by bills.participant_id, bills.account_no, bills.currency, bills.model_code order by bills.settlement_date'
        ) }} as owed_to_date_minor
    from bills
    left join carried_before
        on
            carried_before.participant_id = bills.participant_id and carried_before.account_no = bills.account_no
            and carried_before.currency = bills.currency and carried_before.model_code = bills.model_code
),

-- SET-CARRY: a negative net is not paid but carried to the next bill. What is paid up to a bill is the highest total owed so far.
paid as (
    select
        running.*,
        greatest(0, max(owed_to_date_minor) over (
            partition by participant_id, account_no, currency, model_code order by settlement_date
        )) as paid_to_date_minor,
        row_number() over (
            partition by participant_id, account_no, currency, model_code order by settlement_date desc
        ) as place_from_end
    from running
),

netted as (
    select
        paid.*,
        owed_to_date_minor - paid_to_date_minor as carried_out_minor,
        paid_to_date_minor - greatest(
            0,
            coalesce(max(owed_to_date_minor) over (
                partition by participant_id, account_no, currency, model_code
                order by settlement_date rows between unbounded preceding and 1 preceding
            ), 0)
        ) as net_minor
    from paid
),

last_bills as (
    select * from netted
    where place_from_end = 1
),

closing as (
    select
        coalesce(netted.participant_id, carried_before.participant_id) as participant_id,
        coalesce(netted.account_no, carried_before.account_no) as account_no,
        coalesce(netted.currency, carried_before.currency) as currency,
        coalesce(netted.model_code, carried_before.model_code) as model_code,
        coalesce(netted.carried_out_minor, carried_before.carried_out_minor) as carried_out_minor
    from last_bills as netted
    full outer join carried_before
        on
            carried_before.participant_id = netted.participant_id and carried_before.account_no = netted.account_no
            and carried_before.currency = netted.currency and carried_before.model_code = netted.model_code
),

final as (
    select
        cast({{ batch_id() }} as bigint) as batch_id, {{ batch_date() }} as batch_date, 'bill' as row_kind,
        {{ bill_no(batch_id()) }} as bill_no, participant_id, account_no, currency, model_code, settlement_date, entry_count,
        gross_minor, refund_minor, fee_minor, charge_minor, entries_net_minor, adjustment_minor,
        carried_out_minor + net_minor - entries_net_minor - adjustment_minor as carried_in_minor, carried_out_minor, net_minor, attempt_no,
        -- REC-PAYOUT: kept with the bill, so that a changed model does not change what was instructed when.
        model_code in (
            select model_code from {{ ref('stg_config__settlement_models') }}
            where requires_approval
        ) as needs_approval
    from netted
    union all
    select
        cast({{ batch_id() }} as bigint), {{ batch_date() }}, 'balance', null,
        participant_id, account_no, currency, model_code, null, null, null, null, null, null, null, null, null, carried_out_minor,
        null, null, null
    from closing
    where carried_out_minor <> 0
)

select * from final
