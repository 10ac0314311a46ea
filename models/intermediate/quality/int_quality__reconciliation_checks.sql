{{ config(materialized='ephemeral') }}

with totals as (
    select * from {{ ref('fct_reconciliation_totals') }}
    where batch_id = {{ batch_id() }}
),

totals_before as (
    select * from {{ ref('fct_reconciliation_totals') }}
    where batch_id = {{ batch_id() }} - 1
),

-- INV-POOLS: what was open at the close of the batch before is what is open at the start of this one, by count and amount.
pools_wrong as (
    select coalesce(totals.channel_code, totals_before.channel_code) as channel_code
    from totals
    full outer join totals_before
        on
            totals_before.relation = totals.relation and totals_before.channel_code = totals.channel_code
            and totals_before.currency = totals.currency
    where
        {{ differs('coalesce(totals.buffer_opening_count, 0)', 'coalesce(totals_before.buffer_closing_count, 0)') }}
        or {{ differs('coalesce(totals.buffer_opening_minor, 0)', 'coalesce(totals_before.buffer_closing_minor, 0)') }}
        or {{ differs('coalesce(totals.error_opening_count, 0)', 'coalesce(totals_before.error_closing_count, 0)') }}
        or {{ differs('coalesce(totals.error_opening_minor, 0)', 'coalesce(totals_before.error_closing_minor, 0)') }}
        or {{ differs('totals.buffer_opening_minor + totals.buffer_in_minor - totals.buffer_out_minor', 'totals.buffer_closing_minor') }}
        or {{ differs('totals.error_opening_minor + totals.error_in_minor - totals.error_resolved_minor', 'totals.error_closing_minor') }}
),

-- INV-SUCCESSFUL: every order that counts as paid in the batch has a result, in this batch or from an earlier one.
successful as (
    select order_no, channel_code, direction from {{ ref('int_reconciliation__pairs') }}
    where batch_id = {{ batch_id() }} and is_order_successful
),

plain_before as (
    {{ plain_matches('< ' ~ batch_id(), 'select order_no from successful') | indent(4) }}
),

successful_unjudged as (
    select pairs.order_no
    from successful as pairs
    left join {{ ref('int_reconciliation__items') }} as items
        on
            items.relation = 'orders_channel' and items.batch_id <= {{ batch_id() }} and items.order_no = pairs.order_no
            and items.channel_code = pairs.channel_code and items.direction = pairs.direction
    left join plain_before as plain
        on
            plain.order_no = pairs.order_no and plain.channel_code = pairs.channel_code and plain.direction = pairs.direction
    where items.order_no is null and plain.order_no is null
),

-- INV-DECISIONS: what is closed by hand was decided, for this batch, and once.
decisions_due as (
    select * from {{ ref('int_reconciliation__decisions_due') }}
),

closed_by_hand as (
    select order_no, decision_no, {{ item_key() }} as item_key from {{ ref('int_reconciliation__items_of_all') }}
    where batch_id = {{ batch_id() }} and match_kind = 'manual'
),

undecided as (
    select closed_by_hand.order_no
    from closed_by_hand
    left join decisions_due
        on decisions_due.decision_no = closed_by_hand.decision_no and decisions_due.item_key = closed_by_hand.item_key
    where decisions_due.decision_no is null
    union all
    select min(order_no) from decisions_due
    group by relation, item_key
    having count(*) > 1
),

final as (
    select
        'reconciliation_totals_explained' as invariant,
        count(*) as failing_rows,
        coalesce({{ minor_sum('unexplained_minor') }}, 0) as difference_minor
    from totals
    where {{ differs('unexplained_minor', '0') }}
    union all
    select 'pools_roll_forward', count(*), 0 from pools_wrong
    union all
    select 'successful_orders_judged', count(*), 0 from successful_unjudged
    union all
    select 'closed_by_hand_as_decided', count(*), 0 from undecided
)

select * from final
