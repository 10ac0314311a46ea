{{ config(materialized='ephemeral') }}

with channels as (
    select
        banked.channel_code, banked.first_batch_id, rules.amount_tolerance_minor, rules.date_window_days,
        rules.date_window_days + rules.buffer_days as days_looked_for
    from {{ ref('int_reconciliation__channels_banked') }} as banked
    inner join {{ ref('stg_config__reconciliation_rules') }} as rules
        on rules.relation = 'channel_bank' and rules.channel_code = banked.channel_code
),

-- Only what is recent is looked at, or the cost of a batch would grow with all that was never paid.
numbers_recent as (
    select distinct lines.settlement_batch_no
    from {{ settlement_lines() | indent(4) }} as lines
    inner join channels on channels.channel_code = lines.channel_code
    inner join {{ ref('stg_loads__batches') }} as batches on batches.batch_id = lines.batch_id
    where
        lines.batch_id between channels.first_batch_id and {{ batch_id() }}
        and {{ batch_date() }} - batches.batch_date <= channels.days_looked_for
        and lines.currency in (select currency from {{ ref('int_reconciliation__deposits_unnamed') }})
),

-- What lines call an account may be the channel's number for us: it says where the money went only if a bank statement knows it.
bank_accounts as (
    select distinct account_no from {{ ref('stg_bank__deposits') }}
    where batch_id <= {{ batch_id() }}
),

nets as (
    select
        lines.channel_code, lines.settlement_batch_no, lines.currency, {{ minor_sum('lines.net_minor') }} as net_minor,
        max(lines.batch_id) as last_batch_id, min(bank_accounts.account_no) as account_no, max(bank_accounts.account_no) as other_account_no
    from {{ settlement_lines() | indent(4) }} as lines
    inner join channels on channels.channel_code = lines.channel_code
    left join bank_accounts on bank_accounts.account_no = lines.account_no
    where
        lines.batch_id between channels.first_batch_id and {{ batch_id() }}
        and lines.settlement_batch_no in (select settlement_batch_no from numbers_recent)
    group by lines.channel_code, lines.settlement_batch_no, lines.currency
),

owned as (
    select
        nets.*,
        min(channel_code) over (partition by settlement_batch_no) = max(channel_code) over (partition by settlement_batch_no) as is_of_one_channel
    from nets
),

-- A settlement batch that has got money already is not looked for; its remainder is shown.
paid as (
    select settlement_batch_no, currency from {{ ref('stg_bank__deposits') }}
    where batch_id <= {{ batch_id() }} and settlement_batch_no is not null
    union
    select settlement_batch_no, currency from {{ history_of('int_reconciliation__deposits_assigned') }}
    where batch_id < {{ batch_id() }}
),

final as (
    select
        row_number() over (order by owned.channel_code, owned.settlement_batch_no, owned.currency) as row_key,
        owned.channel_code, owned.settlement_batch_no, owned.currency, owned.net_minor as amount_minor, batches.batch_date as on_date,
        owned.account_no, channels.amount_tolerance_minor, channels.date_window_days,
        -- What may be apart is the same for all of a scope, and channels of which it is the same look for the nearest together.
        cast(channels.amount_tolerance_minor as {{ dbt.type_string() }}) || '|' || cast(channels.date_window_days as {{ dbt.type_string() }})
        || '|' || coalesce(owned.account_no, '') as scope
    from owned
    inner join channels on channels.channel_code = owned.channel_code
    inner join {{ ref('stg_loads__batches') }} as batches on batches.batch_id = owned.last_batch_id
    left join paid on paid.settlement_batch_no = owned.settlement_batch_no and paid.currency = owned.currency
    where
        owned.is_of_one_channel and owned.net_minor <> 0 and paid.currency is null
        and coalesce(owned.account_no = owned.other_account_no, true)
        and {{ batch_date() }} - batches.batch_date <= channels.days_looked_for
)

select * from final
