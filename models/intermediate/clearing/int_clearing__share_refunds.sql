{{ config(materialized='ephemeral') }}

-- What the refunds of the batch release of each leaf share of an amount, together with what had been released before.
with released as (
    select
        grants.fee_no, grants.original_fee_no, grants.bearer_no, -grants.granted_minor as released_minor,
        {{ minor_sum(
            '-grants.granted_minor', over='partition by grants.original_fee_no, grants.bearer_no order by grants.fee_no'
        ) }} as until_minor
    from {{ ref('int_clearing__grants') }} as grants
    inner join {{ ref('int_clearing__bearers_due') }} as bearers on bearers.bearer_no = grants.bearer_no and not bearers.has_children
    inner join {{ ref('int_clearing__lines_sorted') }} as lines
        on
            lines.clearing_seq = {{ seq_of_fee('grants.fee_no') }} and lines.entry_kind = 'refund'
            and lines.batch_id = {{ batch_id() }}
    where grants.batch_id = {{ batch_id() }} and grants.original_fee_no is not null and mod(grants.original_fee_no, 100) = 0
),

released_before as (
    select original_fee_no, bearer_no, {{ minor_sum('-granted_minor') }} as released_minor
    from {{ ref('int_clearing__grants') }}
    where batch_id < {{ batch_id() }} and original_fee_no in (select original_fee_no from released)
    group by original_fee_no, bearer_no
),

shares as (
    select fee_no, bearer_no, granted_minor from {{ ref('int_clearing__grants') }}
    where fee_no in (select original_fee_no from released) and batch_id <= {{ batch_id() }}
),

share_fees as (
    select fee_no, kind_no, bearer_no, fee_minor from {{ history_of('int_clearing__share_fees') }}
    where bearer_no is not null and original_fee_no is null and batch_id <= {{ batch_id() }}
),

rules as (
    select kinds.kind_no, rules.refund_fee, rules.rounding
    from {{ ref('int_clearing__fee_kinds') }} as kinds
    inner join {{ ref('int_clearing__rules_used') }} as rules on rules.rule_no = kinds.rule_no and rules.is_first_use
    where kinds.is_on_shares
),

refunds as (
    select
        released.fee_no, released.original_fee_no, released.bearer_no, released.released_minor as amount_minor,
        released.until_minor + coalesce(released_before.released_minor, 0) as refunded_minor,
        shares.granted_minor as original_minor
    from released
    inner join shares on shares.fee_no = released.original_fee_no and shares.bearer_no = released.bearer_no
    left join released_before
        on released_before.original_fee_no = released.original_fee_no and released_before.bearer_no = released.bearer_no
),

-- COMB-SHARES: the fee on a share is given back as its share is released.
final as (
    select
        refunds.fee_no + mod(share_fees.fee_no, 100) as fee_no, share_fees.fee_no as original_fee_no, share_fees.kind_no, refunds.bearer_no,
        case when rules.refund_fee then {{ part_given_back('share_fees.fee_minor', 'refunds', 'rules.rounding') }} else 0 end as fee_back_minor
    from refunds
    inner join share_fees
        on
            share_fees.bearer_no = refunds.bearer_no
            and {{ seq_of_fee('share_fees.fee_no') }} = {{ seq_of_fee('refunds.original_fee_no') }}
    inner join rules on rules.kind_no = share_fees.kind_no
)

select * from final
