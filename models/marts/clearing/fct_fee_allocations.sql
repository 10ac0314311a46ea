-- RESET-KEPT: what a reset superseded is shown beside what holds now; its numbers are not those of today's rows.
with superseded as (
    select * from {{ source('superseded', 'fct_fee_allocations') }}
),

grants as (
    select
        grants.batch_id, grants.fee_no, grants.bearer_no, grants.granted_minor, grants.accumulated_minor, grants.overflow_minor,
        grants.original_fee_no, bearers.kind_no, bearers.period_key, bearers.cap_minor
    from {{ ref('int_clearing__grants') }} as grants
    inner join {{ ref('int_clearing__bearers_due') }} as bearers on bearers.bearer_no = grants.bearer_no
    where grants.fee_no is not null
    union all
    select batch_id, fee_no, bearer_no, fee_minor, null, null, original_fee_no, kind_no, 'none', null
    from {{ ref('int_clearing__share_fees') }}
    where bearer_no is not null
),

final as (
    select
        grants.batch_id,
        lines.clearing_seq,
        lines.order_no,
        kinds.rule_code,
        bearers.allocation_rule_code,
        cast(bearers.allocation_level as integer) as level,
        bearers.parent_bearer,
        bearers.bearer,
        bearers.currency,
        grants.period_key,
        grants.granted_minor + coalesce(grants.overflow_minor, 0) as demand_minor,
        grants.granted_minor,
        grants.accumulated_minor,
        grants.cap_minor,
        {{ seq_of_fee('grants.original_fee_no') }} as original_clearing_seq,
        true as is_valid,
        cast(null as bigint) as reset_no
    from grants
    inner join {{ ref('int_clearing__bearers_due') }} as bearers on bearers.bearer_no = grants.bearer_no
    inner join {{ ref('int_clearing__fee_kinds') }} as kinds on kinds.kind_no = grants.kind_no
    inner join {{ ref('int_clearing__lines_sorted') }} as lines
        on lines.batch_id = grants.batch_id and lines.clearing_seq = {{ seq_of_fee('grants.fee_no') }}
    union all
    select
        batch_id, clearing_seq, order_no, rule_code, allocation_rule_code, level, parent_bearer, bearer, currency, period_key,
        demand_minor, granted_minor, accumulated_minor, cap_minor, original_clearing_seq, false, reset_no
    from superseded
)

select * from final
