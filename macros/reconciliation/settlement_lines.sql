{#- REC-GROUP: one row per successful statement line of a settlement batch, with what it adds to what the channel owes us. A fee is what the
    channel keeps of a payment, or gives back with a refund; a fee of nothing comes as a payout of nothing with a fee, and what the
    channel says it paid out adds nothing. A macro and no step: a step that is read twice is computed whole, here for all lines of a day. -#}
{% macro settlement_lines() -%}
    (
        select
            batch_id, channel_code, settlement_batch_no, currency, account_no,
            case
                when txn_type = 'refund' then coalesce(fee_minor, 0) - amount_minor
                when txn_type = 'payout' then -coalesce(fee_minor, 0)
                else amount_minor - coalesce(fee_minor, 0)
            end as net_minor
        from {{ ref('stg_channel__payments') }}
        where status = 'success' and settlement_batch_no is not null
        union all
        select batch_id, channel_code, settlement_batch_no, currency, account_no, -coalesce(fee_minor, 0) from {{ ref('stg_channel__payouts') }}
        where status = 'success' and settlement_batch_no is not null
    )
{%- endmacro %}

{#- The part of int_reconciliation__deposits_assigned that is run: where no channel is held against the bank, nothing is looked for. -#}
{% macro deposit_parts() -%}
    {%- set compared = run_query('select count(*) from ' ~ ref('int_reconciliation__channels_compared')).columns[0].values()[0] -%}
    {{ return(['assigned'] if compared else ['nothing']) }}
{%- endmacro %}
