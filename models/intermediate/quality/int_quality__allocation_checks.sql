{{ config(materialized='ephemeral') }}

with grants as (
    select * from {{ ref('int_clearing__grants') }}
    where batch_id = {{ batch_id() }}
),

bearers as (
    select bearer_no, split_no, allocation_level, has_children from {{ ref('int_clearing__bearers_due') }}
),

bearers_of_fees as (
    select bearer_no from bearers
    where allocation_level = 1
),

-- INV-GRANTS: at level 2 the children's shares add up to their parent's.
parents_granted as (
    select coalesce(sum({{ wide_product(fee_weight('grants.fee_no + grants.bearer_no'), 'grants.granted_minor') }}), 0) as weighted
    from grants
    inner join bearers on bearers.bearer_no = grants.bearer_no
    where grants.fee_no is not null and bearers.has_children
),

children_granted as (
    select coalesce(sum({{ wide_product(fee_weight('grants.fee_no + bearers.split_no'), 'grants.granted_minor') }}), 0) as weighted
    from grants
    inner join bearers on bearers.bearer_no = grants.bearer_no
    where grants.fee_no is not null and bearers.allocation_level = 2
),

allocating_kinds as (
    select kind_no from {{ ref('int_clearing__fee_kinds') }}
    where allocation_rule_code is not null
),

-- INV-GRANTS: the shares of every fee add up to it. The fees are weighted by a number that depends on the fee, so what one
-- fee lacks another can't make up; the test of this name finds the fee when the totals differ.
fees_split as (
    select
        coalesce(sum({{ wide_product(fee_weight('fee_no'), 'fee_minor') }}), 0) as weighted,
        coalesce(sum(fee_minor), 0) as fee_minor
    from {{ ref('int_clearing__fees') }}
    where batch_id = {{ batch_id() }} and kind_no in (select kind_no from allocating_kinds)
),

fees_granted as (
    select
        coalesce(sum({{ wide_product(fee_weight('fee_no'), 'granted_minor') }}), 0) as weighted,
        coalesce(sum(granted_minor), 0) as granted_minor
    from grants
    where fee_no is not null and bearer_no in (select bearer_no from bearers_of_fees)
),

caps as (
    select bearer_no, cap_minor from {{ ref('int_clearing__bearers_due') }}
    where cap_minor is not null
),

-- INV-CAPS: nothing is granted beyond a cap, an accumulator never falls below zero, and a fee has no share of the other sign.
grants_wrong as (
    select grants.granted_minor
    from grants
    left join caps on caps.bearer_no = grants.bearer_no
    where
        grants.fee_no is not null
        and (
            (grants.granted_minor > 0 and grants.accumulated_minor > caps.cap_minor) or grants.accumulated_minor < 0
            or (grants.granted_minor < 0 and grants.original_fee_no is null)
            or (grants.granted_minor > 0 and grants.original_fee_no is not null)
        )
),

balances_before as (
    select bearer_no, accumulated_minor from {{ ref('int_clearing__grants') }}
    where batch_id = {{ batch_id() }} - 1 and fee_no is null
),

balances_now as (
    select * from grants
    where fee_no is null
),

-- INV-BALANCES: every accumulator opens where it closed, and moves by what was granted and released.
balances_wrong as (
    select before.bearer_no
    from balances_now as now
    full outer join balances_before as before on before.bearer_no = now.bearer_no
    where
        now.bearer_no is null
        or {{ differs('now.opening_minor', 'coalesce(before.accumulated_minor, 0)') }}
        or {{ differs('now.opening_minor + now.granted_minor - now.released_minor', 'now.accumulated_minor') }}
),

final as (
    select
        'fee_equals_its_grants' as invariant,
        case when fees_split.weighted = fees_granted.weighted then 0 else 1 end as failing_rows,
        cast(fees_split.fee_minor - fees_granted.granted_minor as bigint) as difference_minor
    from fees_split
    cross join fees_granted
    union all
    select 'share_equals_its_children', case when parents_granted.weighted = children_granted.weighted then 0 else 1 end, 0
    from parents_granted
    cross join children_granted
    union all
    select 'grants_within_caps', count(*), 0 from grants_wrong
    union all
    select 'accumulators_roll_forward', count(*), 0 from balances_wrong
)

select * from final
