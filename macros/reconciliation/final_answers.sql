{#- SET-RETURN: what the bank finally says of payout instructions, in the order in which it counts: the first answer (answer_no 1) is the
    instruction's, each further one says something else about money that is settled. Of answers in one batch one that paid comes first, or
    the same money would be paid again. `numbers` is a query for the instruction numbers to look at, all without it; `until` a comparison
    with a batch. -#}
{% macro final_answers(numbers='', until='') -%}
    select
        instruction_no, batch_id, currency, amount_minor, status, file_no, bank_txn_no, failure_code, failure_reason, processed_at,
        row_number() over (
            partition by instruction_no
            order by
                batch_id, case when status = 'success' then 0 else 1 end, {{ bytewise('file_no') }}, {{ bytewise('bank_txn_no') }}
        ) as answer_no
    from {{ ref('stg_bank__returns') }}
    where
        status in ('success', 'failed')
        {%- if until %} and batch_id {{ until }} {%- endif %}
        {%- if numbers %} and instruction_no in ({{ numbers }}) {%- endif %}
{%- endmacro %}
