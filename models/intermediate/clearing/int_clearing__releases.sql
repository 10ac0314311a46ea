{{ config(materialized='ephemeral') }}

with refunds as (
    select
        clearing_seq, order_no, rule_code, original_clearing_seq, -fee_minor as back_minor,
        {{ minor_sum('-fee_minor', over='partition by original_clearing_seq, rule_code') }} as together_minor,
        {{ minor_sum('-fee_minor', over='partition by original_clearing_seq, rule_code order by clearing_seq') }} as until_minor
    from {{ ref('fct_clearing_details') }}
    where batch_id = {{ batch_id() }} and entry_kind = 'refund' and allocation_rule_code is not null and fee_minor < 0
),

refunded as (
    select distinct original_clearing_seq, rule_code, together_minor from refunds
),

granted as (
    select
        grants.clearing_seq as original_clearing_seq, grants.rule_code, grants.allocation_rule_code, grants.parent_bearer, grants.bearer,
        grants.priority, grants.currency, grants.period_key, grants.cap_minor, grants.granted_minor, refunded.together_minor
    from {{ history_of('int_clearing__grants') }} as grants
    inner join refunded on refunded.original_clearing_seq = grants.clearing_seq and refunded.rule_code = grants.rule_code
    where grants.row_kind = 'grant' and grants.batch_id <= {{ batch_id() }}
),

released_before as (
    select before.original_clearing_seq, before.rule_code, before.bearer, {{ minor_sum('before.granted_minor') }} as released_minor
    from {{ history_of('int_clearing__grants') }} as before
    inner join refunded
        on refunded.original_clearing_seq = before.original_clearing_seq and refunded.rule_code = before.rule_code
    where before.row_kind = 'grant' and before.batch_id < {{ batch_id() }}
    group by before.original_clearing_seq, before.rule_code, before.bearer
),

left_of_grants as (
    select granted.*, granted.granted_minor + coalesce(released_before.released_minor, 0) as left_minor
    from granted
    left join released_before
        on
            released_before.original_clearing_seq = granted.original_clearing_seq
            and released_before.rule_code = granted.rule_code and released_before.bearer = granted.bearer
),

-- ALLOC-RELEASE: by largest remainder over what is left of each grant, so no bearer gets back more than it bore …
shares as (
    {{ largest_remainder('left_of_grants', ['original_clearing_seq', 'rule_code'], 'priority', 'together_minor', 'left_minor') }}
),

laid as (
    select
        shares.*,
        {{ minor_sum('share_minor', over='partition by original_clearing_seq, rule_code order by priority, ' ~ bytewise('bearer')) }} as until_minor
    from shares
),

-- … and laid on the refunds in clearing order, bearers by priority.
final as (
    select
        refunds.clearing_seq, refunds.order_no, refunds.rule_code, refunds.original_clearing_seq,
        laid.allocation_rule_code, laid.parent_bearer, laid.bearer, laid.priority, laid.currency, laid.period_key, laid.cap_minor,
        least(refunds.until_minor, laid.until_minor)
        - greatest(refunds.until_minor - refunds.back_minor, laid.until_minor - laid.share_minor) as released_minor
    from refunds
    inner join laid
        on
            laid.original_clearing_seq = refunds.original_clearing_seq and laid.rule_code = refunds.rule_code
            and laid.until_minor > refunds.until_minor - refunds.back_minor
            and laid.until_minor - laid.share_minor < refunds.until_minor
)

select * from final
