{{ config(materialized='batch_by_batch') }}

with totals as (
    select * from {{ ref('fct_reconciliation_totals') }}
    where batch_id = {{ batch_id() }}
),

open_items as (
    select relation, channel_code, currency, {{ minor_sum('coalesce(left_minor, right_minor, 0)') }} as open_minor
    from {{ ref('int_reconciliation__items_of_all') }}
    where batch_id = {{ batch_id() }} and is_open
    group by relation, channel_code, currency
),

-- REC-CONTROLS: money may differ from the books by what named items are open for, and by nothing else.
compared as (
    select control, '' as relation, scope, currency, left_minor, right_minor, 0 as explained_minor
    from {{ ref('int_reconciliation__controls_of_books') }}
    union all
    select
        case relation
            when 'orders_channel' then 'orders_to_statement' when 'channel_bank' then 'batches_to_deposits'
            when 'instructions_bank' then 'instructions_to_returns' else 'orders_to_reports'
        end,
        relation, channel_code, currency, left_minor, right_minor, right_minor - left_minor - unexplained_minor
    from totals
    union all
    select
        'open_items_to_totals', coalesce(open_items.relation, totals.relation),
        coalesce(open_items.channel_code, totals.channel_code), coalesce(open_items.currency, totals.currency),
        coalesce(open_items.open_minor, 0), coalesce(totals.buffer_closing_minor + totals.error_closing_minor, 0), 0
    from open_items
    full outer join totals
        on
            totals.relation = open_items.relation and totals.channel_code = open_items.channel_code
            and totals.currency = open_items.currency
),

judged as (
    select
        compared.*,
        right_minor - left_minor as difference_minor,
        right_minor - left_minor = explained_minor as held
    from compared
),

final as (
    select
        cast({{ batch_id() }} as bigint) as batch_id,
        {{ batch_date() }} as batch_date,
        case control
            when 'entries_to_lines' then 'accounts_vouchers'
            when 'orders_to_statement' then 'accounts_money'
            when 'batches_to_deposits' then 'accounts_money'
            when 'instructions_to_returns' then 'accounts_money'
            when 'orders_to_reports' then 'accounts_reports'
            when 'open_items_to_totals' then 'accounts_reports'
            else 'accounts_accounts'
        end as agreement,
        control,
        relation,
        scope,
        currency,
        cast(left_minor as bigint) as left_minor,
        cast(right_minor as bigint) as right_minor,
        cast(difference_minor as bigint) as difference_minor,
        cast(explained_minor as bigint) as explained_minor,
        coalesce(held, false) as held,
        case
            when held and explained_minor = 0 then 'Nothing.'
            when held and control = 'instructions_to_returns' then 'Work on the open payouts; they explain the difference.'
            when held then 'Work on the open items of this channel; they explain the difference.'
            when control = 'instructions_to_returns' then 'Send no further instruction before every answer of the bank has a result.'
            when control in ('orders_to_statement', 'batches_to_deposits', 'orders_to_reports')
                then 'Look for what came in and has no result; pay nothing of this channel before it is found.'
            when control = 'open_items_to_totals' then 'Do not report the totals of this channel; compare them with the open items one by one.'
            when control = 'entries_to_bills' then 'Pay no bill of this participant before its entries are compared with it.'
            when control = 'fees_to_shares' then 'Settle no fee under this allocation rule before its shares are compared with it.'
            else 'Settle nothing of this participant before its entries are compared with its cleared lines.'
        end as what_to_do
    from judged
)

select * from final
