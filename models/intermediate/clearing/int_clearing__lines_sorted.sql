with failing as (
    select * from {{ ref('int_clearing__orders_failing') }}
),

refunds as (
    select order_no, order_version, original_order_no, channel_code, ordered_at, ordered_date, reason_rank
    from {{ ref('int_clearing__refunds_wanted') }}
),

refunds_refused as (
    select order_no, order_version, original_order_no, reason_rank from refunds
    where reason_rank is not null
    union all
    select order_no, order_version, original_order_no, 12 from {{ ref('int_clearing__refunds_admitted') }}
    where not is_admitted
),

lines_clearing as (
    select
        'new' as entry_kind, lines.order_no, lines.order_version, lines.line_no,
        lines.participant_id, lines.channel_code, lines.currency, lines.ordered_at, lines.ordered_date,
        lines.amount_minor, lines.principal_minor, lines.interest_minor, lines.model_key, lines.model_code,
        lines.contract_no, cast(null as {{ dbt.type_string() }}) as original_order_no,
        lines.has_lines as is_part_of_order, 0 as is_adjustment
    from {{ ref('int_clearing__lines_judged') }} as lines
    left join failing on failing.order_no = lines.order_no and failing.order_version = lines.order_version
    where lines.batch_id = {{ batch_id() }} and failing.order_no is null
    union all
    select
        'refund', parts.order_no, refunds.order_version, parts.line_no,
        originals.participant_id, refunds.channel_code, originals.currency, refunds.ordered_at, refunds.ordered_date,
        parts.amount_minor, null, null, originals.model_key, originals.model_code,
        originals.contract_no, parts.original_order_no, true, 1
    from {{ ref('int_clearing__refund_lines') }} as parts
    inner join refunds on refunds.order_no = parts.order_no
    inner join {{ ref('int_clearing__originals') }} as originals
        on originals.order_no = parts.original_order_no and originals.line_no = parts.line_no
),

last_number as (
    select coalesce(max(clearing_seq), 0) as clearing_seq from {{ this }}
    where batch_id < {{ batch_id() }}
),

excepted as (
    select 'new' as entry_kind, order_no, order_version, cast(null as {{ dbt.type_string() }}) as original_order_no, reason_rank, reason_detail
    from failing
    union all
    select
        'refund', order_no, order_version, original_order_no, reason_rank,
        'original ' || coalesce(original_order_no, 'not named')
    from refunds_refused
),

reasons_before as (
    select order_no, order_version, reason_code from {{ this }}
    where batch_id = {{ batch_id() }} - 1 and reason_code is not null
),

-- SORT-SEQ: new business first, then adjustments; every cap and every cumulative tier is filled in this order.
final as (
    select
        cast({{ batch_id() }} as bigint) as batch_id, {{ batch_date() }} as batch_date,
        (select last_number.clearing_seq from last_number) + row_number() over (
            order by is_adjustment, ordered_at, {{ bytewise('order_no') }}, line_no
        ) as clearing_seq,
        entry_kind, order_no, order_version, line_no, participant_id, channel_code, currency,
        ordered_date, amount_minor, principal_minor, interest_minor, model_key, model_code, contract_no, original_order_no,
        is_part_of_order, cast(null as {{ dbt.type_string() }}) as reason_code, cast(null as {{ dbt.type_string() }}) as reason_detail,
        false as is_reason_new
    from lines_clearing
    union all
    select
        cast({{ batch_id() }} as bigint), {{ batch_date() }}, null,
        excepted.entry_kind, excepted.order_no, excepted.order_version, 0, null, null, null,
        null, null, null, null, null, null, null, excepted.original_order_no, true,
        {{ reason_code('excepted.reason_rank') }}, excepted.reason_detail,
        {{ differs('reasons_before.reason_code', reason_code('excepted.reason_rank')) }}
    from excepted
    left join reasons_before
        on reasons_before.order_no = excepted.order_no and reasons_before.order_version = excepted.order_version
)

select * from final
