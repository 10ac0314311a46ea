{{ config(
    batch_parts=['excepted', 'new', 'adjustments'],
    pre_hook={
        'sql': "{{ refuse_models_changed_half_way(ref('stg_config__settlement_models'), ref('int_clearing__models_used')) }}",
        'transaction': false
    }
) }}
-- depends_on: {{ ref('int_clearing__models_used') }}, {{ ref('stg_config__settlement_models') }}

with excepted_now as (
    select order_no, order_version from {{ this }}
    where batch_id = {{ batch_id() }} and entry_kind = 'new' and reason_code is not null
),

lines_clearing as (
    select lines.*, {{ numbering_hour('lines.ordered_at', 'lines.is_ordered') }} as ordered_hour
    from {{ ref('int_clearing__lines_judged') }} as lines
    left join excepted_now on excepted_now.order_no = lines.order_no and excepted_now.order_version = lines.order_version
    where excepted_now.order_no is null and not lines.is_correction
),

last_number as (
    select coalesce(max(clearing_seq), 0) as clearing_seq from {{ this }}
    where batch_id <= {{ batch_id() }}
),

-- Lines are numbered hour by hour: one order over all of them would run on one core.
hours as (
    select
        ordered_hour,
        {{ minor_sum('line_count', over='order by ordered_hour rows between unbounded preceding and current row') }} - line_count as lines_before
    from {{ ref('int_clearing__hours_counted') }}
),

adjustments as (
    select
        *,
        row_number() over (
            order by
                case when reason_rank is null then 0 else 1 end, ordered_at, {{ bytewise('order_no') }},
                case when entry_kind = 'reversal' then 0 else 1 end, line_no
        ) as place
    from {{ ref('int_clearing__adjustments') }}
),

reasons_before as (
    select order_no, order_version, reason_code from {{ this }}
    where batch_id = {{ batch_id() }} - 1 and reason_code is not null
),

-- SORT-SEQ: new business first, then adjustments; every cap and every cumulative tier is filled in this order. SORT-UNORDERED: lines whose
-- model is not ordered follow the ordered ones by number; by their time they would take room from orders that were placed in order.
final as (
    {{ part('excepted') }}
    select
        cast({{ batch_id() }} as bigint) as batch_id, {{ batch_date() }} as batch_date, cast(null as bigint) as clearing_seq,
        'new' as entry_kind, excepted.order_no, excepted.order_version, 0 as line_no,
        cast(null as {{ dbt.type_string() }}) as participant_id, cast(null as {{ dbt.type_string() }}) as channel_code,
        cast(null as {{ dbt.type_string() }}) as currency, cast(null as date) as ordered_date, cast(null as bigint) as amount_minor,
        cast(null as bigint) as principal_minor, cast(null as bigint) as interest_minor, cast(null as bigint) as model_no,
        cast(null as {{ dbt.type_string() }}) as contract_no, cast(null as {{ dbt.type_string() }}) as original_order_no,
        cast(null as bigint) as original_clearing_seq, false as is_adjustment,
        true as is_part_of_order, {{ reason_code('excepted.reason_rank') }} as reason_code, excepted.reason_detail,
        {{ differs('reasons_before.reason_code', reason_code('excepted.reason_rank')) }} as is_reason_new
    from {{ ref('int_clearing__orders_failing') }} as excepted
    left join reasons_before
        on reasons_before.order_no = excepted.order_no and reasons_before.order_version = excepted.order_version
    union all
    {{ part('new') }}
    select
        cast({{ batch_id() }} as bigint) as batch_id, {{ batch_date() }} as batch_date,
        last_number.clearing_seq + hours.lines_before + row_number() over (
            partition by lines.ordered_hour
            order by case when lines.is_ordered then lines.ordered_at end, {{ bytewise('lines.order_no') }}, lines.line_no
        ) as clearing_seq,
        'new' as entry_kind, lines.order_no, lines.order_version, lines.line_no, lines.participant_id, lines.channel_code, lines.currency,
        lines.ordered_date, lines.amount_minor, lines.principal_minor, lines.interest_minor, lines.model_no,
        lines.contract_no, null as original_order_no, cast(null as bigint) as original_clearing_seq, false as is_adjustment,
        lines.has_lines as is_part_of_order, null as reason_code, null as reason_detail,
        false as is_reason_new
    from lines_clearing as lines
    left join hours on hours.ordered_hour = lines.ordered_hour
    cross join last_number
    union all
    {{ part('adjustments') }}
    select
        cast({{ batch_id() }} as bigint) as batch_id, {{ batch_date() }} as batch_date,
        case when adjustments.reason_rank is null then last_number.clearing_seq + adjustments.place end as clearing_seq,
        adjustments.entry_kind, adjustments.order_no, adjustments.order_version, adjustments.line_no, adjustments.participant_id,
        adjustments.channel_code, adjustments.currency, adjustments.ordered_date, adjustments.amount_minor,
        adjustments.principal_minor, adjustments.interest_minor, adjustments.model_no, adjustments.contract_no,
        adjustments.original_order_no, adjustments.original_clearing_seq, true as is_adjustment, adjustments.is_part_of_order,
        {{ reason_code('adjustments.reason_rank') }} as reason_code,
        case when adjustments.reason_rank is not null then 'original ' || coalesce(adjustments.original_order_no, 'not named') end
            as reason_detail,
        adjustments.reason_rank is not null
        and {{ differs('reasons_before.reason_code', reason_code('adjustments.reason_rank')) }} as is_reason_new
    from adjustments
    left join reasons_before
        on reasons_before.order_no = adjustments.order_no and reasons_before.order_version = adjustments.order_version
    cross join last_number
    {{ parts_end() }}
)

select * from final
