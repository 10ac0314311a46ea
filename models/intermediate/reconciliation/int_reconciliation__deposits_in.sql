{{ config(materialized='ephemeral') }}

-- What channels owe us and what the bank got in the batch, added up from lines and deposits: the control total of their items.
with channels as (
    select * from {{ ref('int_reconciliation__channels_banked') }}
),

deposits as (
    select * from {{ ref('int_reconciliation__deposits_keyed') }}
),

final as (
    select
        lines.channel_code, lines.currency, count(*) as left_count, {{ minor_sum('lines.net_minor') }} as left_minor,
        cast(0 as bigint) as right_count, cast(0 as bigint) as right_minor, cast(0 as bigint) as transferred_minor
    from {{ settlement_lines() | indent(4) }} as lines
    inner join channels on channels.channel_code = lines.channel_code
    where lines.batch_id = {{ batch_id() }}
    group by lines.channel_code, lines.currency
    union all
    select channel_code, currency, 0, 0, count(*), {{ minor_sum('deposited_minor') }}, 0 from deposits
    where batch_id = {{ batch_id() }}
    group by channel_code, currency
    union all
    select channel_code, currency, 0, 0, 0, 0, deposited_minor from deposits
    where batch_id < {{ batch_id() }} and channel_code <> channel_code_before
    union all
    select channel_code_before, currency, 0, 0, 0, 0, -deposited_minor from deposits
    where batch_id < {{ batch_id() }} and channel_code <> channel_code_before
)

select * from final
