{{ config(batch_parts=['touched', 'left']) }}

with channels as (
    select * from {{ ref('int_reconciliation__channels_banked') }}
),

deposits as (
    select * from {{ ref('int_reconciliation__deposits_keyed') }}
),

numbers_touched as (
    select settlement_batch_no from {{ settlement_lines() | indent(4) }} as lines
    where batch_id = {{ batch_id() }} and channel_code in (select channel_code from channels)
    union
    select settlement_batch_no from deposits
    where batch_id = {{ batch_id() }}
),

-- Lines and deposits of one settlement batch may come over several days: every time, all of both are added up anew.
nets as (
    select lines.channel_code, lines.settlement_batch_no, lines.currency, {{ minor_sum('lines.net_minor') }} as net_minor
    from {{ settlement_lines() | indent(4) }} as lines
    inner join channels on channels.channel_code = lines.channel_code
    where
        lines.batch_id between channels.first_batch_id and {{ batch_id() }}
        and lines.settlement_batch_no in (select settlement_batch_no from numbers_touched)
    group by lines.channel_code, lines.settlement_batch_no, lines.currency
),

sums as (
    select
        channel_code, settlement_batch_no, currency, {{ minor_sum('deposited_minor') }} as deposited_minor,
        max(case when is_ambiguous then 1 else 0 end) = 1 as is_ambiguous
    from deposits
    where settlement_batch_no in (select settlement_batch_no from numbers_touched)
    group by channel_code, settlement_batch_no, currency
),

-- A deposit that came before its lines was nobody's; the item that stood for it has no side any more.
pairs_before as (
    select distinct channel_code, settlement_batch_no, currency from {{ this }}
    where batch_id < {{ batch_id() }} and settlement_batch_no in (select settlement_batch_no from numbers_touched)
),

final as (
    {{ part('touched') }}
    select
        cast({{ batch_id() }} as bigint) as batch_id,
        coalesce(nets.channel_code, sums.channel_code) as channel_code,
        coalesce(nets.settlement_batch_no, sums.settlement_batch_no) as settlement_batch_no,
        coalesce(nets.currency, sums.currency) as currency,
        nets.channel_code is not null as has_lines,
        nets.net_minor,
        sums.channel_code is not null as has_deposit,
        sums.deposited_minor,
        coalesce(sums.is_ambiguous, false) as is_ambiguous
    from nets
    full outer join sums
        on
            sums.channel_code = nets.channel_code
            and sums.settlement_batch_no = nets.settlement_batch_no
            and sums.currency = nets.currency
    union all
    {{ part('left') }}
    select
        cast({{ batch_id() }} as bigint) as batch_id, pairs_before.channel_code, pairs_before.settlement_batch_no, pairs_before.currency,
        false as has_lines, cast(null as bigint) as net_minor, false as has_deposit, cast(null as bigint) as deposited_minor,
        false as is_ambiguous
    from pairs_before
    left join {{ this }} as now
        on
            now.channel_code = pairs_before.channel_code and now.settlement_batch_no = pairs_before.settlement_batch_no
            and now.currency = pairs_before.currency and now.batch_id = {{ batch_id() }}
    where now.batch_id is null
    {{ parts_end() }}
)

select * from final
