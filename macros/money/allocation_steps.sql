{#- Grants of the components that are granted run by run (ALLOC-STEPS). Both parts below run in turn until neither adds a row: a run goes
    as far as no cap is reached and none has room again, so its shares depend on the fee alone; the one fee in which a cap is reached is then split
    by itself. So passes grow with the number of caps, not of fees. `batch_part` is 0 for new business, 1 for adjustments. -#}

{#- The bearers of stepped components with what their accumulators hold now, and how far each component is granted. -#}
{% macro slots_now(level) -%}
slots as (
    select
        bearers.*,
        coalesce(balances.opening_minor + balances.granted_minor - balances.released_minor, 0) as held_minor,
        coalesce(
            coalesce(balances.opening_minor + balances.granted_minor - balances.released_minor, 0) >= bearers.cap_minor, false
        ) as is_full
    from {{ ref('int_clearing__bearers_due') }} as bearers
    left join {{ ref('int_clearing__balances_now') }} as balances on balances.accumulator_no = bearers.accumulator_no
    where bearers.batch_id = {{ batch_id() }} and bearers.allocation_level = {{ level }} and bearers.is_stepped
),

done as (
    select bearers.component_no, max(grants.fee_no) as fee_no
    from {{ history_of('int_clearing__grants') }} as grants
    inner join {{ ref('int_clearing__bearers_due') }} as bearers on bearers.bearer_no = grants.bearer_no
    where
        grants.batch_id = {{ batch_id() }}
        and grants.fee_no >= {{ batch_part() }} * coalesce({{ first_adjustment_fee_no() | indent(8) }}, 0)
        and bearers.component_no in (select component_no from slots)
    group by bearers.component_no
),

splits_left as (
    select slots.split_no, slots.component_no, coalesce(max(done.fee_no), 0) as done_fee_no
    from slots
    left join done on done.component_no = slots.component_no
    group by slots.split_no, slots.component_no
)
{%- endmacro %}

{#- The amounts of stepped components that are not granted yet, of the phase. -#}
{% macro amounts_left(level) -%}
    select amounts.fee_no, amounts.split_no, amounts.amount_minor, splits_left.component_no
    from ({{ amounts_to_allocate(level, batch_part()) }}) as amounts
    inner join splits_left on splits_left.split_no = amounts.split_no
    where amounts.fee_no > splits_left.done_fee_no
{%- endmacro %}

{#- What bearers are asked for and get back, up to the fee in `last_fees` (component_no, fee_no; empty: to the end). -#}
{% macro steps_until(releases, level) -%}
asked as (
    select
        demands.fee_no, demands.amount_minor, demands.demand_minor, slots.component_no, slots.bearer_no, slots.accumulator_no,
        slots.split_no, slots.method, slots.overflow, slots.ppm, slots.priority, slots.place, slots.is_residual, slots.cap_minor,
        slots.held_minor, slots.is_full
    from (
        {{ demands_of(
            'select amounts.* from (' ~ amounts_left(level) ~ ') as amounts inner join last_fees on last_fees.component_no = amounts.component_no '
            ~ 'where last_fees.fee_no is null or amounts.fee_no <= last_fees.fee_no', level, is_stepped=true
        ) }}
    ) as demands
    inner join slots on slots.bearer_no = demands.bearer_no
),

released as (
    select
        releases.fee_no, bearers.component_no, releases.bearer_no, bearers.accumulator_no, bearers.cap_minor,
        releases.original_fee_no, releases.released_minor,
        coalesce(balances.opening_minor + balances.granted_minor - balances.released_minor, 0) as held_minor
    from {{ releases_left(releases) }} as releases
    inner join last_fees on last_fees.component_no = releases.component_no
    inner join {{ ref('int_clearing__bearers_due') }} as bearers on bearers.bearer_no = releases.bearer_no
    left join {{ ref('int_clearing__balances_now') }} as balances on balances.accumulator_no = bearers.accumulator_no
    where last_fees.fee_no is null or releases.fee_no <= last_fees.fee_no
)
{%- endmacro %}

{#- What is given back to bearers of stepped components and not posted yet. -#}
{% macro releases_left(releases) -%}
    (
        select releases.*, bearers.component_no
        from {{ releases }} as releases
        inner join {{ ref('int_clearing__bearers_due') }} as bearers on bearers.bearer_no = releases.bearer_no
        inner join (
            select component_no, max(done_fee_no) as done_fee_no from splits_left
            group by component_no
        ) as components on components.component_no = bearers.component_no
        where releases.released_minor > 0 and {{ batch_part() }} = 1 and releases.fee_no > components.done_fee_no
    )
{%- endmacro %}

{#- How far a run may go at most, from sums over blocks of fees: about where a cap is reached, and a block more. It only spares the run
    what lies behind its end; where it ends is found to the fee by the run itself. -#}
{% macro run_horizons(level) -%}
weights as (
    select
        bearer_no, accumulator_no, split_no,
        case
            when method = 'sequence' then case when bearer_no in (select bearer_no from in_turn where takes = 1) then 1 else 0 end
            when method = 'ratio' and not is_full then ppm else 0
        end as weight,
        case
            when method = 'sequence' then 1
            when overflow = 'redistribute' then greatest(1, sum(case when is_full then 0 else ppm end) over (partition by split_no))
            else 1000000
        end as weight_total
    from slots
),

blocks as (
    select split_no, {{ whole_quotient('fee_no', fees_per_block()) }} as block_no, {{ minor_sum('amount_minor') }} as amount_minor
    from ({{ amounts_left(level) }}) as amounts
    group by split_no, {{ whole_quotient('fee_no', fees_per_block()) }}
),

taken as (
    select
        weights.accumulator_no, blocks.block_no,
        {{ minor_sum(whole_quotient(wide_product('blocks.amount_minor', 'weights.weight'), 'weights.weight_total')) }} as taken_minor
    from blocks
    inner join weights on weights.split_no = blocks.split_no and weights.weight > 0
    group by weights.accumulator_no, blocks.block_no
),

taken_so_far as (
    select
        accumulator_no, block_no,
        {{ minor_sum('taken_minor', over='partition by accumulator_no order by block_no rows between unbounded preceding and current row') }}
            as taken_minor
    from taken
),

-- One accumulator may hold amounts by several bearers' rows: its caps differ, its balance is one.
caps_next as (
    select accumulator_no, component_no, max(held_minor) as held_minor, min(case when not is_full then cap_minor end) as cap_minor
    from slots
    group by accumulator_no, component_no
),

last_fees as (
    select splits_left.component_no, (min(horizons.block_no) + 2) * {{ fees_per_block() }} as fee_no
    from (select distinct component_no from splits_left) as splits_left
    left join (
        select caps_next.component_no, taken_so_far.block_no
        from taken_so_far
        inner join caps_next on caps_next.accumulator_no = taken_so_far.accumulator_no
        where caps_next.held_minor + taken_so_far.taken_minor >= caps_next.cap_minor
    ) as horizons on horizons.component_no = splits_left.component_no
    group by splits_left.component_no
)
{%- endmacro %}

{#- Fee numbers have two digits for the place in the line: 4,096 lines. -#}
{% macro fees_per_block() -%} {{ var('fees_per_block', 409600) }} {%- endmacro %}

{% macro runs_of(releases, level) -%}
with {{ slots_now(level) }},

turns as (
    select bearer_no, split_no, is_full, row_number() over (partition by split_no order by is_residual, place) as turn
    from slots
    where method = 'sequence'
),

-- In a sequence the first bearer with room takes everything, as long as its room lasts; those before it are asked too.
takers as (
    select split_no, min(turn) as turn from turns
    where not is_full
    group by split_no
),

in_turn as (
    select
        turns.bearer_no,
        case when turns.turn = takers.turn then 1 else 0 end as takes,
        case when turns.turn <= takers.turn then 1 else 0 end as is_asked
    from turns
    inner join takers on takers.split_no = turns.split_no
),

{{ run_horizons(level) }},

{{ steps_until(releases, level) }},

splits_with_full as (
    select split_no from slots
    group by split_no
    having max(case when is_full then 1 else 0 end) = 1
),

-- Within a run shares depend on the amount alone, so each amount is split once.
amounts_over as (
    select distinct
        split_no, amount_minor, bearer_no, demand_minor, is_full, is_residual, priority,
        case when is_full or overflow <> 'redistribute' then 0 else ppm end as weight
    from asked
    where split_no in (select split_no from splits_with_full) and method <> 'sequence'
),

excess as (
    select
        amounts_over.*,
        sum(case when is_full then demand_minor else 0 end) over (partition by split_no, amount_minor) as excess_minor
    from amounts_over
),

excess_split as (
    select
        split_no, amount_minor, bearer_no,
        case when is_full then 0 else demand_minor end
        + case when weight_total > 0 then share_minor when is_residual then cast(excess_minor as bigint) else 0 end as share_minor
    from ({{ largest_remainder('excess', ['split_no', 'amount_minor'], 'priority', 'excess_minor', 'weight') }}) as excess_shares
),

shares as (
    select
        asked.fee_no, asked.component_no, asked.bearer_no, asked.accumulator_no, asked.cap_minor, asked.held_minor,
        asked.amount_minor * in_turn.is_asked as demand_minor, asked.amount_minor * in_turn.takes as share_minor
    from asked
    inner join in_turn on in_turn.bearer_no = asked.bearer_no
    union all
    select fee_no, component_no, bearer_no, accumulator_no, cap_minor, held_minor, demand_minor, demand_minor
    from asked
    where split_no not in (select split_no from splits_with_full) and method <> 'sequence'
    union all
    select
        asked.fee_no, asked.component_no, asked.bearer_no, asked.accumulator_no, asked.cap_minor, asked.held_minor,
        asked.demand_minor, excess_split.share_minor
    from asked
    inner join excess_split
        on
            excess_split.split_no = asked.split_no and excess_split.amount_minor = asked.amount_minor
            and excess_split.bearer_no = asked.bearer_no
),

moves as (
    select
        fee_no, component_no, bearer_no, accumulator_no, cap_minor, held_minor, demand_minor,
        share_minor as move_minor, cast(null as bigint) as original_fee_no
    from shares
    union all
    select fee_no, component_no, bearer_no, accumulator_no, cap_minor, held_minor, null, -released_minor, original_fee_no
    from released
),

running as (
    select
        moves.*,
        held_minor + {{ minor_sum(
            'move_minor', over='partition by accumulator_no order by fee_no rows between unbounded preceding and current row'
        ) }} as holds_minor
    from moves
),

limits as (
    select
        accumulator_no,
        min(case when not is_full then cap_minor end) as next_cap_minor,
        max(case when is_full then cap_minor end) as last_full_cap_minor
    from slots
    where cap_minor is not null
    group by accumulator_no
),

-- A run ends before the fee that would go over a cap, and after the one that fills a cap or gives one room again.
run_ends as (
    select
        running.component_no,
        min(case when running.original_fee_no is null and running.move_minor > 0 and running.holds_minor > running.cap_minor
            then running.fee_no end) as over_at,
        min(case
            when running.cap_minor is not null and running.move_minor > 0 and running.holds_minor >= limits.next_cap_minor then running.fee_no
            when running.cap_minor is not null and running.move_minor < 0 and running.holds_minor < limits.last_full_cap_minor
                then running.fee_no
        end) as changes_at
    from running
    left join limits on limits.accumulator_no = running.accumulator_no
    group by running.component_no
),

final as (
    select
        running.fee_no, running.bearer_no, running.original_fee_no, cast(running.move_minor as bigint) as granted_minor,
        case when running.cap_minor is not null then running.holds_minor end as accumulated_minor,
        case when running.original_fee_no is null then cast(running.demand_minor - running.move_minor as bigint) end as overflow_minor
    from running
    inner join run_ends on run_ends.component_no = running.component_no
    where
        (run_ends.over_at is null or running.fee_no < run_ends.over_at)
        and (run_ends.changes_at is null or running.fee_no <= run_ends.changes_at)
)

select * from final
{%- endmacro %}

{% macro one_of(releases, level) -%}
{%- set configured = ref('stg_config__allocation_bearers') -%}
{%- set rounds = namespace(count=2) -%}
{%- if execute and load_relation(configured) is not none -%}
    {%- set rounds.count = 1 + run_query(
        "select coalesce(max(bearer_count), 1) from (select count(*) as bearer_count from " ~ configured
        ~ " where overflow = 'redistribute' group by allocation_rule_code, allocation_level, parent_bearer) as counted"
    ).columns[0].values()[0] | int -%}
{%- endif -%}
with {{ slots_now(level) }},

last_fees as (
    select component_no, min(fee_no) as fee_no from (
        select component_no, fee_no from ({{ amounts_left(level) }}) as amounts
        union all
        select component_no, fee_no from {{ releases_left(releases) }} as releases
    ) as events
    group by component_no
),

{{ steps_until(releases, level) }},

next_fees as (
    select
        asked.*,
        case when asked.cap_minor is not null then greatest(0, asked.cap_minor - asked.held_minor) end as room_minor
    from asked
),

-- The rounds of ALLOC-REDISTRIBUTE: all are asked first, then those that still have room, until nothing is left.
round_0 as (
    select next_fees.*, ppm as weight, amount_minor as left_minor, cast(0 as bigint) as granted_minor from next_fees
    where overflow = 'redistribute'
),
{% for number in range(1, rounds.count + 1) %}
split_{{ number }} as (
    {{ largest_remainder('round_' ~ (number - 1), ['fee_no', 'split_no'], 'priority', 'left_minor', 'weight') }}
),

taken_{{ number }} as (
    select
        split_{{ number }}.*,
        least(
            case when weight_total > 0 then share_minor when is_residual then left_minor else 0 end,
            coalesce(room_minor - granted_minor, left_minor)
        ) as taken_minor
    from split_{{ number }}
),

round_{{ number }} as (
    select
        fee_no, amount_minor, demand_minor, component_no, bearer_no, accumulator_no, split_no, method, overflow, ppm, priority, place,
        is_residual, cap_minor, held_minor, is_full, room_minor,
        case when room_minor is null or granted_minor + taken_minor < room_minor then ppm else 0 end as weight,
        cast(left_minor - sum(taken_minor) over (partition by fee_no, split_no) as bigint) as left_minor,
        cast(granted_minor + taken_minor as bigint) as granted_minor
    from taken_{{ number }}
),
{% endfor %}
-- A sequence fills one room after the other.
in_sequence as (
    select
        next_fees.*,
        coalesce(sum(coalesce(room_minor, amount_minor)) over (
            partition by fee_no, split_no order by is_residual, place rows between unbounded preceding and 1 preceding
        ), 0) as rooms_before_minor
    from next_fees
    where method = 'sequence'
),

limited as (
    select next_fees.*, least(demand_minor, coalesce(room_minor, demand_minor)) as taken_minor from next_fees
    where method <> 'sequence' and overflow <> 'redistribute'
),

granted as (
    select fee_no, bearer_no, cap_minor, held_minor, demand_minor, granted_minor from round_{{ rounds.count }}
    union all
    select
        fee_no, bearer_no, cap_minor, held_minor, cast(greatest(0, amount_minor - rooms_before_minor) as bigint),
        cast(greatest(0, least(coalesce(room_minor, amount_minor), amount_minor - rooms_before_minor)) as bigint)
    from in_sequence
    union all
    select
        fee_no, bearer_no, cap_minor, held_minor, demand_minor,
        cast(case
            when is_residual
                then amount_minor - sum(case when is_residual then 0 else taken_minor end) over (partition by fee_no, split_no)
            else taken_minor
        end as bigint)
    from limited
),

final as (
    select
        fee_no, bearer_no, cast(null as bigint) as original_fee_no, granted_minor,
        case when cap_minor is not null then held_minor + granted_minor end as accumulated_minor,
        demand_minor - granted_minor as overflow_minor
    from granted
)

select * from final
{%- endmacro %}
