{#- Pairs of rows that are near each other: equal scope and currency, amounts and dates no further apart than the scope allows. `lefts` and
    `rights` are relations with scope, currency, amount_minor, on_date and node_no; `lefts` also has amount_tolerance_minor and
    date_window_days, the same for all rows of a scope. A row in which any of these is empty has no pair.
    Amounts and dates are cut into pieces as long as what is allowed, so that only equal pieces and their neighbours meet: a join on the
    range itself would compare each row with every row of its scope. The cost orders by amount first, then by days. -#}
{% macro near_pairs(lefts, rights) -%}
    select
        lefts.node_no as left_node, rights.node_no as right_node,
        rights.amount_minor - lefts.amount_minor as difference_minor,
        cast(rights.on_date - lefts.on_date as bigint) as days_apart,
        abs(rights.amount_minor - lefts.amount_minor) * (lefts.date_window_days + 1)
        + abs(cast(rights.on_date - lefts.on_date as bigint)) as cost
    from (
        select
            nodes.*,
            {{ piece_of('nodes.amount_minor', 'nodes.amount_tolerance_minor') }} + amount_steps.step as amount_piece,
            {{ piece_of(day_number('nodes.on_date'), 'nodes.date_window_days') }} + day_steps.step as day_piece
        from {{ lefts }} as nodes
        inner join {{ steps_of_pieces() }} as amount_steps on amount_steps.step = 0 or nodes.amount_tolerance_minor > 0
        inner join {{ steps_of_pieces() }} as day_steps on day_steps.step = 0 or nodes.date_window_days > 0
    ) as lefts
    inner join (
        select
            nodes.*,
            {{ piece_of('nodes.amount_minor', 'scopes.amount_tolerance_minor') }} as amount_piece,
            {{ piece_of(day_number('nodes.on_date'), 'scopes.date_window_days') }} as day_piece
        from {{ rights }} as nodes
        inner join (
            select distinct scope, amount_tolerance_minor, date_window_days from {{ lefts }}
        ) as scopes on scopes.scope = nodes.scope
    ) as rights
        on
            rights.scope = lefts.scope and rights.currency = lefts.currency
            and rights.amount_piece = lefts.amount_piece and rights.day_piece = lefts.day_piece
    where
        abs(rights.amount_minor - lefts.amount_minor) <= lefts.amount_tolerance_minor
        and abs(cast(rights.on_date - lefts.on_date as bigint)) <= lefts.date_window_days
{%- endmacro %}

{#- Two numbers no further apart than `reach` lie in the same piece or in neighbouring ones. -#}
{% macro piece_of(number, reach) -%} cast({{ whole_quotient('abs(' ~ number ~ ')', reach ~ ' + 1') }} as bigint) {%- endmacro %}
{% macro day_number(day) -%} cast({{ day }} - cast('1970-01-01' as date) as bigint) {%- endmacro %}
{% macro steps_of_pieces() -%} (select -1 as step union all select 0 union all select 1) {%- endmacro %}

{#- Rows of one side that nothing tells apart, as one node; with the key of the row where there is one row only. -#}
{% macro nodes_alike(relation, columns) -%}
    select
        {{ columns }}, count(*) as row_count, min(row_key) as row_key,
        row_number() over (order by {{ columns }}) as node_no
    from {{ relation }}
    where scope is not null and currency is not null and amount_minor is not null and on_date is not null
    group by {{ columns }}
{%- endmacro %}

{#- REC-ONE-TO-ONE, REC-AMBIGUOUS: pairs the rows of two sides that have no key in common, one to one. `left_rows` and `right_rows` are
    relations with row_key (unique on its side), scope, currency, amount_minor and on_date; `left_rows` also with amount_tolerance_minor and
    date_window_days of the scope. Gives one row per pair (left_key, right_key, difference_minor = right less left, days_apart, finding
    `paired`) and one per row of either side that cannot be told (the other key empty, finding `ambiguous`); a row with no counterpart
    within reach is not among them.
    A pair is taken where each is the other's single best, by the difference of amounts, then of days; then again among what is left, until
    nothing more is taken. What then still has a counterpart within reach depends on a choice between equals: nobody makes it by luck.
    Rows that nothing tells apart are one node, so a million rows of one amount and day are one comparison; a node of several rows is
    never taken. The rounds are a recursion over the candidates that are left, each round one statement. -#}
{% macro one_to_one(left_rows, right_rows) -%}
with recursive left_nodes as (
    {{ nodes_alike(left_rows, 'scope, currency, amount_minor, on_date, amount_tolerance_minor, date_window_days') | indent(4) }}
),

right_nodes as (
    {{ nodes_alike(right_rows, 'scope, currency, amount_minor, on_date') | indent(4) }}
),

-- Equal to the unit and the day, one row on each side: nothing can be nearer, so these need no rounds.
equal_pairs as (
    select left_nodes.node_no as left_node, right_nodes.node_no as right_node, left_nodes.row_key as left_key, right_nodes.row_key as right_key
    from left_nodes
    inner join right_nodes
        on
            right_nodes.scope = left_nodes.scope and right_nodes.currency = left_nodes.currency
            and right_nodes.amount_minor = left_nodes.amount_minor and right_nodes.on_date = left_nodes.on_date
    where left_nodes.row_count = 1 and right_nodes.row_count = 1
),

lefts_open as (
    select left_nodes.* from left_nodes
    left join equal_pairs on equal_pairs.left_node = left_nodes.node_no
    where equal_pairs.left_node is null
),

rights_open as (
    select right_nodes.* from right_nodes
    left join equal_pairs on equal_pairs.right_node = right_nodes.node_no
    where equal_pairs.right_node is null
),

candidates as (
    select
        near.left_node, near.right_node, near.difference_minor, near.days_apart, near.cost,
        lefts_open.row_count = 1 and rights_open.row_count = 1 as is_single
    from (
        {{ near_pairs('lefts_open', 'rights_open') | indent(8) }}
    ) as near
    inner join lefts_open on lefts_open.node_no = near.left_node
    inner join rights_open on rights_open.node_no = near.right_node
),

rounds as (
    select 0 as round_no, left_node, right_node, difference_minor, days_apart, cost, is_single, false as is_taken
    from candidates
    union all
    select round_no + 1, left_node, right_node, difference_minor, days_apart, cost, is_single, is_taken
    from (
        select
            judged.*,
            max(case when is_taken then 1 else 0 end) over () as any_taken,
            max(case when is_taken then 1 else 0 end) over (partition by left_node) as left_taken,
            max(case when is_taken then 1 else 0 end) over (partition by right_node) as right_taken
        from (
            select
                round_no, left_node, right_node, difference_minor, days_apart, cost, is_single,
                is_single
                and lag(cost) over of_left is null and coalesce(lead(cost) over of_left > cost, true)
                and lag(cost) over of_right is null and coalesce(lead(cost) over of_right > cost, true) as is_taken
            from rounds
            where not is_taken
            window
                of_left as (partition by left_node order by cost),
                of_right as (partition by right_node order by cost)
        ) as judged
    ) as told
    where any_taken = 1 and (is_taken or (left_taken = 0 and right_taken = 0))
),

left_over as (
    select left_node, right_node from rounds
    where not is_taken and round_no = (select max(round_no) from rounds)
),

final as (
    select left_key, right_key, cast(0 as bigint) as difference_minor, cast(0 as bigint) as days_apart, 'paired' as finding
    from equal_pairs
    union all
    select left_nodes.row_key, right_nodes.row_key, rounds.difference_minor, rounds.days_apart, 'paired'
    from rounds
    inner join left_nodes on left_nodes.node_no = rounds.left_node
    inner join right_nodes on right_nodes.node_no = rounds.right_node
    where rounds.is_taken
    union all
    select rows_left.row_key, null, null, null, 'ambiguous'
    from {{ left_rows }} as rows_left
    inner join lefts_open as nodes
        on
            nodes.scope = rows_left.scope and nodes.currency = rows_left.currency
            and nodes.amount_minor = rows_left.amount_minor and nodes.on_date = rows_left.on_date
    where nodes.node_no in (select left_node from left_over)
    union all
    select null, rows_right.row_key, null, null, 'ambiguous'
    from {{ right_rows }} as rows_right
    inner join rights_open as nodes
        on
            nodes.scope = rows_right.scope and nodes.currency = rows_right.currency
            and nodes.amount_minor = rows_right.amount_minor and nodes.on_date = rows_right.on_date
    where nodes.node_no in (select right_node from left_over)
)

select * from final
{%- endmacro %}
