{#- Grants of the components that are granted run by run (ALLOC-STEPS). Both parts below run in turn until neither adds a row: a run goes
    as far as no cap is reached and none has room again, so its shares depend on the fee alone; the one fee in which a cap is reached is then split
    by itself. So passes grow with the number of caps, not of fees. `batch_part` is 0 for new business, 1 for adjustments. -#}

{#- The bearers of stepped components with what their accumulators hold now, and the events not done yet. -#}
{% macro steps_left(demands, releases, level) -%}
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

first_adjustment as (
    select coalesce(min(clearing_seq), 0) * 100 as fee_no from {{ ref('int_clearing__lines_sorted') }}
    where batch_id = {{ batch_id() }} and is_adjustment and clearing_seq is not null
),

done as (
    select bearers.component_no, max(grants.fee_no) as fee_no
    from {{ history_of('int_clearing__grants') }} as grants
    inner join {{ ref('int_clearing__bearers_due') }} as bearers on bearers.bearer_no = grants.bearer_no
    where
        grants.batch_id = {{ batch_id() }} and grants.fee_no >= {{ batch_part() }} * (select first_adjustment.fee_no from first_adjustment)
        and bearers.component_no in (select component_no from slots)
    group by bearers.component_no
),

asked as (
    select
        demands.fee_no, demands.amount_minor, demands.demand_minor, slots.component_no, slots.bearer_no, slots.accumulator_no,
        slots.split_no, slots.method, slots.overflow, slots.ppm, slots.priority, slots.place, slots.is_residual, slots.cap_minor,
        slots.held_minor, slots.is_full
    from {{ demands }} as demands
    inner join slots on slots.bearer_no = demands.bearer_no
    left join done on done.component_no = slots.component_no
    where
        demands.fee_no > coalesce(done.fee_no, 0)
        and case when demands.is_adjustment then 1 else 0 end = {{ batch_part() }}
),

released as (
    select
        releases.fee_no, bearers.component_no, releases.bearer_no, bearers.accumulator_no, bearers.cap_minor,
        releases.original_fee_no, releases.released_minor,
        coalesce(balances.opening_minor + balances.granted_minor - balances.released_minor, 0) as held_minor
    from {{ releases }} as releases
    inner join {{ ref('int_clearing__bearers_due') }} as bearers on bearers.bearer_no = releases.bearer_no
    left join {{ ref('int_clearing__balances_now') }} as balances on balances.accumulator_no = bearers.accumulator_no
    left join done on done.component_no = bearers.component_no
    where
        releases.released_minor > 0 and {{ batch_part() }} = 1
        and bearers.component_no in (select component_no from slots)
        and releases.fee_no > coalesce(done.fee_no, 0)
)
{%- endmacro %}

{% macro runs_of(demands, releases, level) -%}
with {{ steps_left(demands, releases, level) }},

splits_with_full as (
    select split_no from slots
    group by split_no
    having max(case when is_full then 1 else 0 end) = 1
),

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

excess as (
    select
        asked.*,
        sum(case when is_full then demand_minor else 0 end) over (partition by fee_no, split_no) as excess_minor,
        case when is_full or overflow <> 'redistribute' then 0 else ppm end as weight
    from asked
    where split_no in (select split_no from splits_with_full) and method <> 'sequence'
),

excess_split as (
    {{ largest_remainder('excess', ['fee_no', 'split_no'], 'priority', 'excess_minor', 'weight') }}
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
        fee_no, component_no, bearer_no, accumulator_no, cap_minor, held_minor, demand_minor,
        case when is_full then 0 else demand_minor end
        + case when weight_total > 0 then share_minor when is_residual then cast(excess_minor as bigint) else 0 end
    from excess_split
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

{% macro one_of(demands, releases, level) -%}
{%- set configured = ref('stg_config__allocation_bearers') -%}
{%- set rounds = namespace(count=2) -%}
{%- if execute and load_relation(configured) is not none -%}
    {%- set rounds.count = 1 + run_query(
        "select coalesce(max(bearer_count), 1) from (select count(*) as bearer_count from " ~ configured
        ~ " where overflow = 'redistribute' group by allocation_rule_code, allocation_level, parent_bearer) as counted"
    ).columns[0].values()[0] | int -%}
{%- endif -%}
with {{ steps_left(demands, releases, level) }},

next_events as (
    select component_no, min(fee_no) as fee_no from (
        select component_no, fee_no from asked
        union all
        select component_no, fee_no from released
    ) as events
    group by component_no
),

next_fees as (
    select
        asked.*,
        case when asked.cap_minor is not null then greatest(0, asked.cap_minor - asked.held_minor) end as room_minor
    from asked
    inner join next_events on next_events.component_no = asked.component_no and next_events.fee_no = asked.fee_no
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
