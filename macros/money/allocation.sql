{#- The parts in which a batch is allocated. New business first, level by level: the bearers with a share of their own, in a sequence one
    part per place (a bearer is asked for what the ones before it left), then the residual ones. Then adjustments the same way,
    refunds and reversals among them; then the closing balances. Levels and steps that no fee has are left out. -#}
{% macro allocation_parts() -%}
    {%- set levels = run_query(
        "select allocation_level, max(case when method = 'sequence' and not is_residual then place else 1 end), "
        ~ "max(case when is_stepped then 1 else 0 end) from " ~ ref('int_clearing__bearers_due')
        ~ " group by allocation_level order by allocation_level"
    ).rows -%}
    {%- set parts = [] -%}
    {%- for phase in ['new', 'adjusted'] -%}
        {%- set phase_no = loop.index0 -%}
        {%- for level, places, has_steps in levels -%}
            {%- set below = '_below' if level | int > 1 else '' -%}
            {%- for place in range(1, places | int + 1) -%} {%- do parts.append(phase ~ '_capped' ~ below ~ ':' ~ place) -%} {%- endfor -%}
            {%- do parts.append('residual' ~ below ~ ':' ~ phase_no) -%}
            {%- if has_steps | int == 1 -%}
                {%- do parts.append('repeat runs' ~ below ~ ':' ~ phase_no ~ ',one' ~ below ~ ':' ~ phase_no) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(parts + ['balances']) }}
{%- endmacro %}

{#- The number of the first fee of the batch's adjustments, which clear behind all new business. -#}
{% macro first_adjustment_fee_no() -%}
    (
        select min(clearing_seq) * 100 from {{ ref('int_clearing__lines_sorted') }}
        where batch_id = {{ batch_id() }} and is_adjustment and clearing_seq is not null
    )
{%- endmacro %}

{#- What is split at a level: fees at level 1 (those without an allocation rule meet no bearer); at level 2 what a bearer with children has been granted (ALLOC-LEVEL2).
    `phase` is 0 for new business, 1 for adjustments. -#}
{% macro amounts_to_allocate(level, phase) -%}
{%- set first_adjustment = 'coalesce(' ~ first_adjustment_fee_no() ~ ', 9223372036854775807)' -%}
{#- New business is nearly everything: a comparison would be planned as a join that leaves a handful. -#}
{%- set of_phase = 'fee_no >= ' ~ first_adjustment if phase | string == '1' else 'case when fee_no >= ' ~ first_adjustment ~ ' then 1 else 0 end = ' ~ phase -%}
{%- if level == 1 %}
    select fee_no, kind_no as split_no, fee_minor as amount_minor from {{ ref('int_clearing__fees') }}
    where batch_id = {{ batch_id() }} and original_fee_no is null and fee_minor > 0 and {{ of_phase }}
{%- else %}
    select grants.fee_no, grants.bearer_no as split_no, grants.granted_minor as amount_minor
    from {{ history_of('int_clearing__grants') }} as grants
    inner join {{ ref('int_clearing__bearers_due') }} as parents
        on parents.bearer_no = grants.bearer_no and parents.batch_id = {{ batch_id() }} and parents.has_children
    where grants.batch_id = {{ batch_id() }} and grants.original_fee_no is null and grants.granted_minor > 0 and {{ of_phase }}
{%- endif %}
{%- endmacro %}

{#- One whole number for a split, the place of a bearer in it and the last six digits of an amount. -#}
{% macro share_key(share_no, place, is_residual, digits) -%}
    ((({{ share_no }} * 1000 + {{ place }}) * 2 + case when {{ is_residual }} then 1 else 0 end) * 1000000 + {{ digits }})
{%- endmacro %}

{#- What each bearer of a level is asked for, before caps (empty in a sequence). `amounts` has fee_no, split_no, amount_minor. -#}
{% macro demands_of(amounts, level, is_stepped=false) -%}
with amounts as (
    select * from ({{ amounts }}) as amounts
),

bearers as (
    select * from {{ ref('int_clearing__bearers_due') }}
    where batch_id = {{ batch_id() }} and allocation_level = {{ level }} and {{ 'is_stepped' if is_stepped else 'not is_stepped' }}
),

splits as (
    select distinct split_no, share_no from bearers
    where method = 'ratio'
),

-- ALLOC-RATIO: ppm of a million are whole, so the rounding of an amount is that of its last six digits; each of these is split once.
last_digits as (
    select distinct splits.share_no, mod(amounts.amount_minor, 1000000) as digits
    from amounts
    inner join splits on splits.split_no = amounts.split_no
),

digits_to_split as (
    select last_digits.share_no, last_digits.digits, bearers.priority, bearers.place, bearers.is_residual, bearers.ppm
    from last_digits
    inner join (select distinct share_no, priority, place, is_residual, ppm from bearers) as bearers
        on bearers.share_no = last_digits.share_no
),

digits_split as (
    {{ largest_remainder('digits_to_split', ['share_no', 'digits'], 'priority', 'digits', 'ppm') }}
),

shares as (
    select {{ share_key('share_no', 'place', 'is_residual', 'digits') }} as share_key, share_minor from digits_split
),

final as (
    select
        amounts.fee_no, amounts.split_no, amounts.amount_minor,
        bearers.bearer_no, bearers.accumulator_no, bearers.method, bearers.is_residual, bearers.place,
        cast(
            case
                when bearers.method = 'ratio'
                    then {{ whole_quotient('amounts.amount_minor', '1000000') }} * bearers.ppm + shares.share_minor
                when bearers.method = 'fixed' and bearers.is_residual then greatest(0, amounts.amount_minor - bearers.fixed_before_minor)
                when bearers.method = 'fixed'
                    then greatest(0, least(bearers.fixed_minor, amounts.amount_minor - bearers.fixed_before_minor))
            end as bigint
        ) as demand_minor
    from amounts
    inner join bearers on bearers.split_no = amounts.split_no
    left join shares
        on
            shares.share_key
            = {{ share_key('bearers.share_no', 'bearers.place', 'bearers.is_residual', 'mod(amounts.amount_minor, 1000000)') }}
)

select * from final
{%- endmacro %}

{#- The demands of one place with what is asked for: in a sequence, what the bearers before have left of the amount. -#}
{% macro asked_of(demands, level) -%}
    select
        demands.fee_no, demands.bearer_no, demands.accumulator_no,
        coalesce(demands.demand_minor, demands.amount_minor - coalesce(granted_before.granted_minor, 0)) as asked_minor
    from {{ demands }} as demands
    left join (
        select grants.fee_no, bearers.split_no, {{ minor_sum('grants.granted_minor') }} as granted_minor
        from {{ history_of('int_clearing__grants') }} as grants
        inner join {{ ref('int_clearing__bearers_due') }} as bearers on bearers.bearer_no = grants.bearer_no
        where
            grants.batch_id = {{ batch_id() }} and grants.fee_no is not null and {{ batch_part() }} > 1
            and bearers.allocation_level = {{ level }} and bearers.method = 'sequence'
        group by grants.fee_no, bearers.split_no
    ) as granted_before on granted_before.fee_no = demands.fee_no and granted_before.split_no = demands.split_no
    where
        not demands.is_residual
        and case demands.method when 'sequence' then demands.place else 1 end = {{ batch_part() }}
{%- endmacro %}

{#- What the capped bearers of new business take, in clearing order. -#}
{% macro capped_grants_of(level) -%}
with demands as (
    {{ demands_of(amounts_to_allocate(level, 0), level) | indent(4) }}
),

asked as (
    {{ asked_of('demands', level) | indent(4) }}
),

running as (
    select
        fee_no, bearer_no, asked_minor,
        {{ minor_sum(
            'asked_minor', over='partition by accumulator_no order by fee_no rows between unbounded preceding and current row'
        ) }} as asked_so_far_minor
    from asked
),

caps as (
    select bearers.bearer_no, bearers.cap_minor, coalesce(balances.accumulated_minor, 0) as opening_minor
    from {{ ref('int_clearing__bearers_due') }} as bearers
    left join {{ history_of('int_clearing__grants') }} as balances
        on
            balances.bearer_no = bearers.accumulator_no and balances.batch_id = {{ batch_id() }} - 1
            and balances.fee_no is null
    where bearers.batch_id = {{ batch_id() }}
),

-- ALLOC-CAP: demands are never negative here, so min(cap, before + demand) row by row is min(cap, opening + demands so far); a
-- balance above its cap (the cap was lowered) stays where it is.
final as (
    select
        running.fee_no, running.bearer_no, running.asked_minor,
        case
            when caps.cap_minor is null then running.asked_minor
            else greatest(caps.opening_minor, least(caps.cap_minor, caps.opening_minor + running.asked_so_far_minor))
                - greatest(caps.opening_minor, least(caps.cap_minor, caps.opening_minor + running.asked_so_far_minor - running.asked_minor))
        end as granted_minor,
        case
            when caps.cap_minor is not null
                then greatest(caps.opening_minor, least(caps.cap_minor, caps.opening_minor + running.asked_so_far_minor))
        end as accumulated_minor
    from running
    inner join caps on caps.bearer_no = running.bearer_no
)

select * from final
{%- endmacro %}

{#- What the residual bearers take. `batch_part` is 0 for new business, 1 for adjustments. -#}
{% macro residual_grants_of(level) -%}
with demands as (
    {{ demands_of(amounts_to_allocate(level, batch_part()), level) | indent(4) }}
),

bearers as (
    select bearer_no, split_no, method from {{ ref('int_clearing__bearers_due') }}
    where batch_id = {{ batch_id() }} and allocation_level = {{ level }}
),

-- What the capped bearers of a fee were asked for and could not take; in a sequence, what the last one left.
not_taken as (
    select grants.fee_no, bearers.split_no, {{ minor_sum('grants.overflow_minor') }} as overflow_minor
    from {{ history_of('int_clearing__grants') }} as grants
    inner join bearers on bearers.bearer_no = grants.bearer_no
    where grants.batch_id = {{ batch_id() }} and grants.overflow_minor > 0
    group by grants.fee_no, bearers.split_no
),

taken_in_sequence as (
    select grants.fee_no, bearers.split_no, {{ minor_sum('grants.granted_minor') }} as granted_minor
    from {{ history_of('int_clearing__grants') }} as grants
    inner join bearers on bearers.bearer_no = grants.bearer_no and bearers.method = 'sequence'
    where grants.batch_id = {{ batch_id() }} and grants.fee_no is not null
    group by grants.fee_no, bearers.split_no
),

-- ALLOC-RESIDUAL: the residual bearer takes what is left, so the grants of a fee always add up to it.
final as (
    select
        demands.fee_no, demands.bearer_no,
        case demands.method
            when 'sequence' then demands.amount_minor - coalesce(taken_in_sequence.granted_minor, 0)
            else demands.demand_minor + coalesce(not_taken.overflow_minor, 0)
        end as granted_minor,
        case when demands.method <> 'sequence' then -not_taken.overflow_minor end as overflow_minor
    from demands
    left join not_taken on not_taken.fee_no = demands.fee_no and not_taken.split_no = demands.split_no
    left join taken_in_sequence
        on taken_in_sequence.fee_no = demands.fee_no and taken_in_sequence.split_no = demands.split_no
    where demands.is_residual
)

select * from final
{%- endmacro %}

{#- What capped bearers take and give back in adjustments, in clearing order: demands of new versions among releases of refunds and reversals. -#}
{% macro adjusted_grants_of(releases, level) -%}
with demands as (
    {{ demands_of(amounts_to_allocate(level, 1), level) | indent(4) }}
),

asked as (
    {{ asked_of('demands', level) | indent(4) }}
),

released as (
    select releases.fee_no, releases.bearer_no, releases.original_fee_no, releases.released_minor, bearers.accumulator_no
    from {{ releases }} as releases
    inner join {{ ref('int_clearing__bearers_due') }} as bearers on bearers.bearer_no = releases.bearer_no
    where
        releases.released_minor > 0
        and bearers.component_no not in (
            select component_no from {{ ref('int_clearing__bearers_due') }}
            where batch_id = {{ batch_id() }} and is_stepped
        )
        and case when bearers.method = 'sequence' and not bearers.is_residual then bearers.place else 1 end = {{ batch_part() }}
),

events as (
    select fee_no, bearer_no, accumulator_no, asked_minor, cast(0 as bigint) as released_minor, cast(null as bigint) as original_fee_no
    from asked
    union all
    select fee_no, bearer_no, accumulator_no, cast(0 as bigint), released_minor, original_fee_no
    from released
),

with_cap as (
    select
        events.*,
        bearers.cap_minor is not null as is_capped,
        -- Releases show the cap of their original; what limits is the cap of the demands among them.
        max(case when events.original_fee_no is null then bearers.cap_minor end) over (partition by events.accumulator_no) as cap_minor,
        coalesce(balances.opening_minor + balances.granted_minor - balances.released_minor, 0) as opening_minor,
        {{ minor_sum('events.released_minor', over='partition by events.accumulator_no order by events.fee_no '
            ~ 'rows between unbounded preceding and current row') }} as released_so_far_minor
    from events
    inner join {{ ref('int_clearing__bearers_due') }} as bearers on bearers.bearer_no = events.bearer_no
    left join {{ ref('int_clearing__balances_now') }} as balances on balances.accumulator_no = events.accumulator_no
),

-- ALLOC-ABOVE: while a balance is above its cap (the cap was lowered) there is no room; releases alone move it, until it is under.
with_room as (
    select
        with_cap.*,
        case
            when opening_minor - (released_so_far_minor - released_minor) > cap_minor then 0 else asked_minor
        end as effective_minor,
        coalesce(opening_minor - released_so_far_minor > cap_minor, false) as is_above
    from with_cap
),

running as (
    select
        with_room.*,
        opening_minor + {{ minor_sum('effective_minor - released_minor', over='partition by accumulator_no order by fee_no '
            ~ 'rows between unbounded preceding and current row') }} as uncapped_minor
    from with_room
),

excesses as (
    select
        running.*,
        greatest(0, coalesce(max(case when not is_above then uncapped_minor - cap_minor end) over (
            partition by accumulator_no order by fee_no rows between unbounded preceding and current row
        ), 0)) as excess_minor,
        greatest(0, coalesce(max(case when not is_above then uncapped_minor - cap_minor end) over (
            partition by accumulator_no order by fee_no rows between unbounded preceding and 1 preceding
        ), 0)) as excess_before_minor
    from running
),

-- ALLOC-MIXED: with demands and known releases in one order, A = D - the highest excess of D over the cap so far.
final as (
    select
        fee_no, bearer_no, original_fee_no, asked_minor,
        cast(
            case when not is_capped then asked_minor - released_minor
                else effective_minor - released_minor - (excess_minor - excess_before_minor)
            end as bigint
        ) as granted_minor,
        cast(case when is_capped then uncapped_minor - excess_minor end as bigint) as accumulated_minor
    from excesses
)

select * from final
{%- endmacro %}
