{{ config(materialized='ephemeral') }}

with lefts as (
    select * from {{ ref('int_reconciliation__items_alone') }}
    where side = 'left'
),

rights as (
    select * from {{ ref('int_reconciliation__items_alone') }}
    where side = 'right'
),

left_nodes as (
    {{ nodes_alike('lefts', 'scope, currency, amount_minor, on_date, amount_tolerance_minor, date_window_days') | indent(4) }}
),

right_nodes as (
    {{ nodes_alike('rights', 'scope, currency, amount_minor, on_date') | indent(4) }}
),

near as (
    {{ near_pairs('left_nodes', 'right_nodes') | indent(4) }}
),

-- Among more than ten candidates none stands out, and a million items of one amount would be a million times a million pairs.
few as (
    select
        near.*,
        sum(left_nodes.row_count) over (partition by near.right_node) as lefts_near,
        sum(right_nodes.row_count) over (partition by near.left_node) as rights_near
    from near
    inner join left_nodes on left_nodes.node_no = near.left_node
    inner join right_nodes on right_nodes.node_no = near.right_node
),

pairs as (
    select
        row_number() over (order by lefts.row_key, rights.row_key) as pair_no,
        lefts.row_key as left_row, rights.row_key as right_row, few.difference_minor, few.days_apart,
        lefts.order_letters as left_text, rights.order_letters as right_text,
        lefts.amount_tolerance_minor, lefts.date_window_days, lefts.may_be_new and rights.may_be_new as may_be_new
    from few
    inner join left_nodes on left_nodes.node_no = few.left_node
    inner join right_nodes on right_nodes.node_no = few.right_node
    inner join lefts
        on
            lefts.scope = left_nodes.scope and lefts.currency = left_nodes.currency
            and lefts.amount_minor = left_nodes.amount_minor and lefts.on_date = left_nodes.on_date
    inner join rights
        on
            rights.scope = right_nodes.scope and rights.currency = right_nodes.currency
            and rights.amount_minor = right_nodes.amount_minor and rights.on_date = right_nodes.on_date
    where few.lefts_near <= 10 and few.rights_near <= 10
),

alike as (
    {{ text_likeness('pairs') | indent(4) }}
),

-- REC-SUGGEST: the score is documented on the rule's page; a number that people sort by must be one they can work out.
final as (
    select
        pairs.left_row, pairs.right_row, pairs.difference_minor, pairs.days_apart, pairs.may_be_new,
        coalesce(alike.likeness, 0) as likeness,
        {{ suggestion_score(
            'pairs.difference_minor', 'pairs.amount_tolerance_minor', 'pairs.days_apart', 'pairs.date_window_days',
            'coalesce(alike.likeness, 0)'
        ) }} as score
    from pairs
    left join alike on alike.pair_no = pairs.pair_no
)

select * from final
