{{ config(materialized='batch_by_batch') }}

{%- set results = reconciliation_results() %}

with sides_in as (
    select
        'orders_channel' as relation, channel_code, currency, left_count, left_minor, 0 as right_count, 0 as right_minor,
        0 as transferred_minor, plain_count, plain_minor
    from {{ ref('int_reconciliation__orders_in') }}
    union all
    select 'orders_channel', channel_code, currency, 0, 0, right_count, right_minor, transferred_minor, 0, 0
    from {{ ref('int_reconciliation__lines_in') }}
    union all
    select 'channel_bank', channel_code, currency, left_count, left_minor, right_count, right_minor, transferred_minor, 0, 0
    from {{ ref('int_reconciliation__deposits_in') }}
    union all
    select 'orders_spv', spv_code, currency, left_count, left_minor, right_count, right_minor, 0, 0, 0
    from {{ ref('int_reconciliation__spv_sides_in') }}
    union all
    select 'instructions_bank', '', currency, left_count, left_minor, right_count, right_minor, 0, 0, 0
    from {{ ref('int_reconciliation__payouts_in') }}
),

sides as (
    select
        relation,
        channel_code,
        currency,
        {{ minor_sum('left_count') }} as left_count,
        {{ minor_sum('left_minor') }} as left_minor,
        {{ minor_sum('right_count') }} as right_count,
        {{ minor_sum('right_minor') }} as right_minor,
        {{ minor_sum('transferred_minor') }} as transferred_minor,
        -- Items that were matched when first seen move nothing between the pools; they are counted apart, without a look at each.
        {{ minor_sum('plain_count') }} as plain_count,
        {{ minor_sum('plain_minor') }} as plain_minor
    from sides_in
    group by relation, channel_code, currency
),

moved as (
    select
        relation,
        channel_code,
        currency,
        {%- for result in results %}
        {{ minor_sum("case when is_changed and result = '" ~ result ~ "' then 1 else 0 end") }} as {{ result }}_count,
        {{ minor_sum("case when is_changed and result = '" ~ result ~ "' then item_minor else 0 end") }} as {{ result }}_minor,
        {%- endfor %}
        {%- for pool in ['buffer', 'error'] %}
        {{ minor_sum("case when pool_before = '" ~ pool ~ "' then 1 else 0 end") }} as {{ pool }}_opening_count,
        {{ minor_sum("case when pool_before = '" ~ pool ~ "' then item_minor_before else 0 end") }} as {{ pool }}_opening_minor,
        {{ minor_sum("case when pool = '" ~ pool ~ "' and pool_before <> '" ~ pool ~ "' then 1 else 0 end") }} as {{ pool }}_in_count,
        {{ minor_sum(
            "case when pool = '" ~ pool ~ "' then item_minor - case when pool_before = '" ~ pool ~ "' then item_minor_before else 0 end else 0 end"
        ) }} as {{ pool }}_in_minor,
        {{ minor_sum("case when pool <> '" ~ pool ~ "' and pool_before = '" ~ pool ~ "' then 1 else 0 end") }} as {{ pool }}_out_count,
        {{ minor_sum(
            "case when pool <> '" ~ pool ~ "' and pool_before = '" ~ pool ~ "' then item_minor_before else 0 end"
        ) }} as {{ pool }}_out_minor,
        {{ minor_sum("case when pool = '" ~ pool ~ "' then 1 else 0 end") }} as {{ pool }}_closing_count,
        {{ minor_sum("case when pool = '" ~ pool ~ "' then item_minor else 0 end") }} as {{ pool }}_closing_minor,
        {%- endfor %}
        {{ minor_sum('absorbed_minor') }} as absorbed_minor,
        {{ minor_sum('moved_minor') }} as moved_minor
    from {{ ref('int_reconciliation__items_moved') }}
    group by relation, channel_code, currency
),

final as (
    select
        cast({{ batch_id() }} as bigint) as batch_id,
        {{ batch_date() }} as batch_date,
        coalesce(sides.relation, moved.relation) as relation,
        coalesce(sides.channel_code, moved.channel_code) as channel_code,
        coalesce(sides.currency, moved.currency) as currency,
        {%- for side in ['left', 'right'] %}
        coalesce(sides.{{ side }}_count, 0) as {{ side }}_count,
        coalesce(sides.{{ side }}_minor, 0) as {{ side }}_minor,
        {%- endfor %}
        {%- for result in results %}
        coalesce(moved.{{ result }}_count, 0){{ ' + coalesce(sides.plain_count, 0)' if result == 'matched' }} as {{ result }}_count,
        coalesce(moved.{{ result }}_minor, 0){{ ' + coalesce(sides.plain_minor, 0)' if result == 'matched' }} as {{ result }}_minor,
        {%- endfor %}
        {%- for pool in ['buffer', 'error'] %}
        {%- for part in ['opening', 'in', 'out', 'closing'] %}
        coalesce(moved.{{ pool }}_{{ part }}_count, 0) as {{ pool }}_{{ part | replace('out', 'out' if pool == 'buffer' else 'resolved') }}_count,
        coalesce(moved.{{ pool }}_{{ part }}_minor, 0) as {{ pool }}_{{ part | replace('out', 'out' if pool == 'buffer' else 'resolved') }}_minor,
        {%- endfor %}
        {%- endfor %}
        coalesce(moved.absorbed_minor, 0) as absorbed_minor,
        -- REC-TOTAL: what came in on both sides must be what the items moved; anything else was lost or counted twice.
        coalesce(sides.right_minor, 0) - coalesce(sides.left_minor, 0) + coalesce(sides.transferred_minor, 0)
        - coalesce(moved.moved_minor, 0) as unexplained_minor
    from sides
    full outer join moved
        on moved.relation = sides.relation and moved.channel_code = sides.channel_code and moved.currency = sides.currency
)

select * from final
