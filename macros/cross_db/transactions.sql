{#- Opens a transaction that the next adapter.commit() ends; to be called right after a commit. dbt-postgres sends no BEGIN of its
    own (psycopg2 opens one by itself, but not after a COMMIT sent as text, which is what adapter.commit() sends), so there every
    statement after the first commit of a connection would stand alone: a crash would leave half a batch, or one without its mark. -#}
{% macro begin_transaction() -%} {{ adapter.dispatch('begin_transaction', 'settlement_warehouse')() }} {%- endmacro %}
{% macro default__begin_transaction() -%}
    {{ exceptions.raise_compiler_error("begin_transaction is not proven on " ~ target.type) }}
{%- endmacro %}
{#- dbt-duckdb sends BEGIN before the first statement after a commit. -#}
{% macro duckdb__begin_transaction() -%} {%- endmacro %}
{% macro postgres__begin_transaction() -%} {% call statement('begin_transaction') %} begin {% endcall %} {%- endmacro %}
