{{ config(materialized='batch_by_batch') }}

with pairs as (
    select
        scored.*,
        lefts.channel_code, lefts.order_no, lefts.direction, lefts.own_txn_no, lefts.is_further_line, lefts.currency,
        lefts.amount_minor as left_minor, rights.amount_minor as right_minor,
        rights.channel_code as right_channel_code, rights.order_no as right_order_no, rights.own_txn_no as right_txn_no,
        rights.is_further_line as right_is_further_line,
        greatest(lefts.opened_batch_id, rights.opened_batch_id) as open_since_batch_id
    from {{ ref('int_reconciliation__counterparts_scored') }} as scored
    inner join {{ ref('int_reconciliation__items_alone') }} as lefts on lefts.row_key = scored.left_row
    inner join {{ ref('int_reconciliation__items_alone') }} as rights on rights.row_key = scored.right_row
),

-- REC-SUGGEST: each must be the other's single best; between equals nothing is suggested. A line may be in reach of two scopes.
judged as (
    select
        pairs.*,
        lag(score) over of_left is null and coalesce(lead(score) over of_left < score, true) as is_best_of_left,
        lag(score) over of_right is null and coalesce(lead(score) over of_right < score, true) as is_best_of_right
    from pairs
    window
        of_left as (partition by left_row order by score desc),
        of_right as (partition by right_channel_code, right_order_no, direction, right_txn_no order by score desc)
),

counterparts as (
    select
        judged.*,
        {{ item_key("'orders_channel'") }} as left_item_key
    from judged
    where is_best_of_left and is_best_of_right and may_be_new
),

counterparts_named as (
    select
        counterparts.*,
        right_channel_code || '|' || right_order_no || case when direction = 'refund' then '|refund' else '' end
        || case when right_is_further_line then '|dup|' when right_txn_no <> '' then '|txn|' else '' end || right_txn_no as right_item_key
    from counterparts
),

suggested as (
    select
        'counterpart' as suggestion_kind, left_item_key, right_item_key, channel_code, currency, left_minor, right_minor,
        difference_minor, days_apart, likeness, score, open_since_batch_id,
        case
            when difference_minor = 0 then 'same amount'
            else 'amounts ' || cast(abs(difference_minor) as {{ dbt.type_string() }}) || ' minor units apart'
        end || ', ' || {{ days_text('days_apart') }} || case
            when right_order_no = '' then ', the line names no order'
            else ', order numbers alike ' || cast(likeness as {{ dbt.type_string() }})
        end as reason
    from counterparts_named
    union all
    select
        'own_duplicate', channel_code || '|' || order_no, channel_code || '|' || twin_order_no, channel_code, currency,
        left_minor, left_minor as twin_minor, 0, days_apart, 0,
        {{ suggestion_score('0', '0', 'days_apart', 'date_window_days', '0') }}, opened_batch_id,
        'same customer, product and amount as an order that is matched, ' || {{ days_text('days_apart') }}
    from {{ ref('int_reconciliation__own_duplicates') }}
),

final as (
    select
        cast({{ batch_id() }} as bigint) as batch_id,
        {{ batch_date() }} as batch_date,
        'orders_channel' as relation,
        suggested.suggestion_kind,
        suggested.left_item_key,
        suggested.right_item_key,
        suggested.channel_code,
        suggested.currency,
        suggested.left_minor,
        suggested.right_minor,
        cast(suggested.difference_minor as bigint) as difference_minor,
        cast(suggested.days_apart as bigint) as days_apart,
        cast(suggested.likeness as bigint) as likeness,
        suggested.score,
        suggested.reason
    from suggested
    -- What is suggested already, and stands as it stood then, is not said again.
    left join {{ this }} as earlier
        on
            earlier.left_item_key = suggested.left_item_key and earlier.right_item_key = suggested.right_item_key
            and earlier.suggestion_kind = suggested.suggestion_kind and earlier.score = suggested.score
            and earlier.batch_id >= suggested.open_since_batch_id and earlier.batch_id < {{ batch_id() }}
    where earlier.batch_id is null
)

select * from final
