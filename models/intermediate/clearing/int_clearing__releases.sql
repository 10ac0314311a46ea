{{ config(materialized='ephemeral') }}

with refunds as (
    select
        details.fee_no,
        details.original_fee_no,
        -details.fee_minor as back_minor,
        {{ minor_sum('-details.fee_minor', over='partition by details.original_fee_no') }} as together_minor,
        {{ minor_sum('-details.fee_minor', over='partition by details.original_fee_no order by details.clearing_seq') }} as until_minor
    from {{ ref('fct_clearing_details') }} as details
    where
        details.batch_id = {{ batch_id() }} and details.entry_kind = 'refund'
        and details.allocation_rule_code is not null and details.fee_minor < 0
),

refunded as (
    select distinct original_fee_no, together_minor from refunds
),

granted as (
    select
        grants.fee_no as original_fee_no, grants.allocation_rule_code, grants.parent_bearer, grants.bearer,
        grants.priority, grants.currency, grants.period_key, grants.cap_minor, grants.granted_minor, refunded.together_minor
    from {{ history_of('int_clearing__grants') }} as grants
    inner join refunded on refunded.original_fee_no = grants.fee_no
    where grants.row_kind = 'grant' and grants.batch_id <= {{ batch_id() }}
),

released_before as (
    select before.original_fee_no, before.bearer, {{ minor_sum('before.granted_minor') }} as released_minor
    from {{ history_of('int_clearing__grants') }} as before
    inner join refunded on refunded.original_fee_no = before.original_fee_no
    where before.row_kind = 'grant' and before.batch_id < {{ batch_id() }}
    group by before.original_fee_no, before.bearer
),

left_of_grants as (
    select granted.*, granted.granted_minor + coalesce(released_before.released_minor, 0) as left_minor
    from granted
    left join released_before
        on
            released_before.original_fee_no = granted.original_fee_no and released_before.bearer = granted.bearer
),

-- ALLOC-RELEASE: by largest remainder over what is left of each grant, so no bearer gets back more than it bore …
shares as (
    {{ largest_remainder('left_of_grants', ['original_fee_no'], 'priority', 'together_minor', 'left_minor') }}
),

laid as (
    select
        shares.*,
        {{ minor_sum('share_minor', over='partition by original_fee_no order by priority, ' ~ bytewise('bearer')) }} as until_minor
    from shares
),

-- … and laid on the refunds in clearing order, bearers by priority.
final as (
    select
        refunds.fee_no, refunds.original_fee_no,
        laid.allocation_rule_code, laid.parent_bearer, laid.bearer, laid.priority, laid.currency, laid.period_key, laid.cap_minor,
        least(refunds.until_minor, laid.until_minor)
        - greatest(refunds.until_minor - refunds.back_minor, laid.until_minor - laid.share_minor) as released_minor
    from refunds
    inner join laid
        on
            laid.original_fee_no = refunds.original_fee_no
            and laid.until_minor > refunds.until_minor - refunds.back_minor
            and laid.until_minor - laid.share_minor < refunds.until_minor
)

select * from final
