-- INV-GRANTS: the shares of every fee add up to it, to the unit; fees that are not split right, with both sides.
{{ config(meta={'owner': 'clearing', 'action': 'Nothing of these fees may be settled before the allocation is mended.'}) }}

with fees as (
    select fees.fee_no, fees.fee_minor
    from {{ ref('int_clearing__fees') }} as fees
    inner join {{ ref('int_clearing__fee_kinds') }} as kinds on kinds.kind_no = fees.kind_no
    where {{ is_untested('fees.batch_id') }} and kinds.allocation_rule_code is not null
),

bearers as (
    select bearer_no from {{ ref('int_clearing__bearers_due') }}
    where allocation_level = 1
),

granted as (
    select fee_no, {{ minor_sum('granted_minor') }} as granted_minor
    from {{ ref('int_clearing__grants') }}
    where
        {{ is_untested() }} and fee_no is not null
        and bearer_no in (select bearer_no from bearers)
    group by fee_no
)

select
    fees.fee_no,
    fees.fee_minor,
    granted.granted_minor
from fees
left join granted on granted.fee_no = fees.fee_no
where {{ differs('coalesce(granted.granted_minor, 0)', 'fees.fee_minor') }}
