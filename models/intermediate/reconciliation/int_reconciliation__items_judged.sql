{{ config(materialized='ephemeral') }}

-- Every relation has its pairs; from here on they are judged and carried alike (REC-RELATION).
with sides as (
    select
        'orders_channel' as relation, channel_code, order_no, order_version, direction, own_txn_no, is_further_line, has_order,
        is_order_successful, is_filled_now, order_minor, order_currency, has_statement, statement_minor, statement_fee_minor,
        statement_currency, false as is_ambiguous
    from {{ ref('int_reconciliation__pairs') }}
    where batch_id = {{ batch_id() }}
    union all
    select
        'channel_bank', channel_code, settlement_batch_no, null, 'payment', currency, false, has_lines as has_order,
        has_lines as is_order_successful, false, net_minor, case when has_lines then currency end, has_deposit, deposited_minor, null,
        case when has_deposit then currency end, is_ambiguous
    from {{ ref('int_reconciliation__deposit_pairs') }}
    where batch_id = {{ batch_id() }}
    union all
    select
        'orders_spv', spv_code, order_no, null, report_kind, own_txn_no, is_further_line, has_order,
        is_order_successful, false, order_minor, order_currency, has_report, report_minor, null,
        report_currency, false
    from {{ ref('int_reconciliation__spv_pairs') }}
    where batch_id = {{ batch_id() }}
),

final as (
    {{ items_judged('sides', fees=ref('int_reconciliation__fees_expected')) | indent(4) }}
)

select * from final
