{{ config(materialized='ephemeral') }}

with recursive refunds as (
    select
        *,
        row_number() over (partition by original_order_no order by ordered_at, {{ bytewise('order_no') }}) as step
    from {{ ref('int_clearing__refunds_wanted') }}
    where reason_rank is null
),

-- Line 0 stands for the whole original: a refund without lines asks it only, one with lines asks both.
wants as (
    select order_no, original_order_no, 0 as line_no, refund_minor as want_minor from refunds
    union all
    select refunds.order_no, refunds.original_order_no, lines.line_no, lines.amount_minor
    from {{ ref('int_clearing__refunds_due') }} as lines
    inner join refunds on refunds.order_no = lines.order_no and refunds.order_version = lines.order_version
    where lines.has_lines
),

left_of_originals as (
    select order_no as original_order_no, line_no, left_minor from {{ ref('int_clearing__originals') }}
    union all
    select order_no, 0, {{ minor_sum('left_minor') }} from {{ ref('int_clearing__originals') }}
    group by order_no
),

wanted_together as (
    select original_order_no, line_no, {{ minor_sum('want_minor') }} as want_minor from wants
    group by original_order_no, line_no
),

contested as (
    select distinct wanted_together.original_order_no
    from wanted_together
    inner join left_of_originals
        on
            left_of_originals.original_order_no = wanted_together.original_order_no
            and left_of_originals.line_no = wanted_together.line_no
    where wanted_together.want_minor > left_of_originals.left_minor
),

-- REFUND-ORDER: where not all fit they are tried in clearing order; one step per refund of the same original, all originals at once.
tried as (
    select
        left_of_originals.original_order_no,
        left_of_originals.line_no,
        cast(0 as bigint) as step,
        left_of_originals.left_minor,
        cast('' as {{ dbt.type_string() }}) as order_no,
        0 as fits
    from left_of_originals
    inner join contested on contested.original_order_no = left_of_originals.original_order_no
    union all
    select
        tested.original_order_no, tested.line_no, tested.step,
        tested.left_minor - tested.fits * tested.want_minor,
        tested.order_no, tested.fits
    from (
        select
            tried.original_order_no,
            tried.line_no,
            refunds.step,
            tried.left_minor,
            refunds.order_no,
            coalesce(wants.want_minor, 0) as want_minor,
            min(case when coalesce(wants.want_minor, 0) <= tried.left_minor then 1 else 0 end)
                over (partition by tried.original_order_no) as fits
        from tried
        inner join refunds
            on refunds.original_order_no = tried.original_order_no and refunds.step = tried.step + 1
        left join wants on wants.order_no = refunds.order_no and wants.line_no = tried.line_no
    ) as tested
),

fitting as (
    select distinct order_no from tried
    where fits = 1
),

final as (
    select
        refunds.*,
        contested.original_order_no is null or fitting.order_no is not null as is_admitted
    from refunds
    left join contested on contested.original_order_no = refunds.original_order_no
    left join fitting on fitting.order_no = refunds.order_no
)

select * from final
