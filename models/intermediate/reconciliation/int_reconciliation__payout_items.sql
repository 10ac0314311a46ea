-- Instructions follow from the items of orders, so their own can't be among those: the same steps, once more, after settlement.
with touched as (
    select order_no from {{ ref('int_reconciliation__payout_pairs') }}
    union
    select order_no from {{ ref('int_reconciliation__decisions_due') }}
    where relation = 'instructions_bank'
),

payouts_judged as (
    {{ items_judged(ref('int_reconciliation__payout_pairs')) | indent(4) }}
),

payouts_before as (
    {{ items_before(this, 'touched') | indent(4) }}
),

payouts_now as (
    {{ items_now('payouts_judged', 'payouts_before', ref('int_reconciliation__decisions_due')) | indent(4) }}
),

final as (
    {{ items_pooled('payouts_now', ref('int_reconciliation__decisions_due')) | indent(4) }}
)

select * from final
