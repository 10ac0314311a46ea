{{ config(batch_parts=['whole', 'in_parts']) }}

{#- The two kinds of lines are read apart: one statement over both would keep all lines of the batch in memory. -#}
{%- set charged_lines %}
    select
        lines.clearing_seq, lines.order_no, lines.order_version, lines.participant_id, lines.entry_kind, lines.currency,
        lines.channel_code, lines.model_no, lines.ordered_date,
        case when lines.entry_kind = 'new' then lines.amount_minor else -lines.amount_minor end as gross_minor,
        coalesce(charges.fee_minor, 0) as fee_minor,
        coalesce(charges.charge_minor, 0) as charge_minor
    from {{ ref('int_clearing__lines_sorted') }} as lines
    left join charges on charges.clearing_seq = lines.clearing_seq and charges.participant_id = lines.participant_id
    where lines.batch_id = {{ batch_id() }} and lines.clearing_seq is not null and __which
{%- endset -%}

with charges as (
    select * from {{ ref('int_settlement__charges') }}
    where batch_id = {{ batch_id() }}
),

parts as (
    {{ charged_lines | trim | replace('__which', 'lines.is_part_of_order') }}
    union all
    select
        charges.clearing_seq, lines.order_no, lines.order_version, charges.participant_id, lines.entry_kind, lines.currency,
        lines.channel_code, lines.model_no, lines.ordered_date, 0, charges.fee_minor, charges.charge_minor
    from charges
    inner join {{ ref('int_clearing__lines_sorted') }} as lines
        on lines.clearing_seq = charges.clearing_seq and lines.batch_id = {{ batch_id() }}
    where charges.participant_id <> lines.participant_id and (charges.fee_minor <> 0 or charges.charge_minor <> 0)
),

parts_summed as (
    select
        min(clearing_seq) as clearing_seq, order_no, order_version, participant_id, entry_kind, currency,
        min(channel_code) as channel_code, model_no, min(ordered_date) as ordered_date,
        {{ minor_sum('gross_minor') }} as gross_minor, {{ minor_sum('fee_minor') }} as fee_minor,
        {{ minor_sum('charge_minor') }} as charge_minor
    from parts
    group by order_no, order_version, participant_id, entry_kind, currency, model_no
),

-- Lines that are a whole order are an entry as they stand; so most orders need no grouping.
entries as (
    {{ part('whole') }}
    {{ charged_lines | trim | replace('__which', 'not lines.is_part_of_order') }}
    union all
    {{ part('in_parts') }}
    select
        clearing_seq, order_no, order_version, participant_id, entry_kind, currency, channel_code, model_no, ordered_date,
        gross_minor, fee_minor, charge_minor
    from parts_summed
    {{ parts_end() }}
),

final as (
    select
        cast({{ batch_id() }} as bigint) as batch_id,
        {{ batch_date() }} as batch_date,
        entries.clearing_seq as first_clearing_seq,
        entries.order_no, entries.order_version, entries.participant_id, entries.entry_kind, entries.currency,
        entries.channel_code, models.model_code, models.requires_channel_match, models.settle_account_kind,
        entries.gross_minor, entries.fee_minor, entries.charge_minor,
        entries.gross_minor - entries.fee_minor - entries.charge_minor as net_minor,
        dates.settlement_date
    from entries
    inner join {{ ref('int_clearing__models_used') }} as models on models.model_no = entries.model_no and models.is_first_use
    inner join {{ ref('int_settlement__dates') }} as dates
        on dates.model_no = entries.model_no and dates.ordered_date = entries.ordered_date
)

select * from final
