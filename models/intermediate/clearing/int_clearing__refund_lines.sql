{{ config(materialized='ephemeral') }}

with refunds as (
    select * from {{ ref('int_clearing__refunds_admitted') }}
    where is_admitted
),

originals as (
    select order_no as original_order_no, line_no, left_minor from {{ ref('int_clearing__originals') }}
),

named as (
    select refunds.order_no, refunds.original_order_no, lines.line_no, lines.amount_minor
    from refunds
    inner join {{ ref('int_clearing__refunds_due') }} as lines
        on lines.order_no = refunds.order_no and lines.order_version = refunds.order_version
    where refunds.has_lines
),

named_sums as (
    select original_order_no, line_no, {{ minor_sum('amount_minor') }} as amount_minor from named
    group by original_order_no, line_no
),

unnamed as (
    select
        order_no, original_order_no,
        {{ minor_sum('refund_minor', over='partition by original_order_no order by step') }} as until_minor,
        refund_minor,
        {{ minor_sum('refund_minor', over='partition by original_order_no') }} as together_minor
    from refunds
    where not has_lines
),

totals as (
    select distinct original_order_no, together_minor from unnamed
),

weights as (
    select
        originals.original_order_no,
        originals.line_no,
        originals.left_minor - coalesce(named_sums.amount_minor, 0) as weight,
        totals.together_minor
    from originals
    inner join totals on totals.original_order_no = originals.original_order_no
    left join named_sums
        on named_sums.original_order_no = originals.original_order_no and named_sums.line_no = originals.line_no
),

-- REFUND-SPLIT: refunds without lines share what is left of each line by largest remainder, ties to the smaller line.
shares as (
    {{ largest_remainder('weights', ['original_order_no'], 'line_no', 'together_minor', 'weight') }}
),

laid as (
    select
        original_order_no, line_no, share_minor,
        {{ minor_sum('share_minor', over='partition by original_order_no order by line_no') }} as until_minor
    from shares
),

-- … and are laid on the lines in clearing order: the overlap of the refund's interval with the line's.
intervals_met as (
    select
        unnamed.order_no, unnamed.original_order_no, laid.line_no,
        least(unnamed.until_minor, laid.until_minor)
        - greatest(unnamed.until_minor - unnamed.refund_minor, laid.until_minor - laid.share_minor) as amount_minor
    from unnamed
    inner join laid on laid.original_order_no = unnamed.original_order_no
),

final as (
    select order_no, original_order_no, line_no, amount_minor from named
    union all
    select order_no, original_order_no, line_no, amount_minor from intervals_met
    where amount_minor > 0
)

select * from final
