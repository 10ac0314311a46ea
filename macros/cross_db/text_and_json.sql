{#- Text ordered by its bytes: the order that decides money must not depend on a server's collation. -#}
{% macro bytewise(expression) -%} {{ adapter.dispatch('bytewise', 'settlement_warehouse')(expression) }} {%- endmacro %}
{% macro default__bytewise(expression) -%} {{ exceptions.raise_compiler_error("bytewise is not proven on " ~ target.type) }} {%- endmacro %}
{% macro duckdb__bytewise(expression) -%} {{ expression }} {%- endmacro %}
{% macro postgres__bytewise(expression) -%} {{ expression }} collate "C" {%- endmacro %}

{#- Text of one member of a JSON object, null where absent. -#}
{% macro json_text(object, name) -%} {{ adapter.dispatch('json_text', 'settlement_warehouse')(object, name) }} {%- endmacro %}
{% macro default__json_text(object, name) -%} {{ exceptions.raise_compiler_error("json_text is not proven on " ~ target.type) }} {%- endmacro %}
{% macro duckdb__json_text(object, name) -%} json_extract_string({{ object }}, '$."' || {{ name }} || '"') {%- endmacro %}
{% macro postgres__json_text(object, name) -%} jsonb_extract_path_text(cast({{ object }} as jsonb), {{ name }}) {%- endmacro %}

{#- Decimal text to decimal(20,4), null where it is no plain decimal number. -#}
{% macro decimal_from_text(expression) -%} {{ adapter.dispatch('decimal_from_text', 'settlement_warehouse')(expression) }} {%- endmacro %}
{% macro default__decimal_from_text(expression) -%} {{ exceptions.raise_compiler_error("decimal_from_text is not proven on " ~ target.type) }} {%- endmacro %}
{% macro duckdb__decimal_from_text(expression) -%}
    case when regexp_full_match({{ expression }}, '-?[0-9]{1,16}([.][0-9]{1,4}0*)?') then cast({{ expression }} as decimal(20, 4)) end
{%- endmacro %}
{% macro postgres__decimal_from_text(expression) -%}
    case when {{ expression }} ~ '^-?[0-9]{1,16}([.][0-9]{1,4}0*)?$' then cast({{ expression }} as decimal(20, 4)) end
{%- endmacro %}

{#- Stops the statement with a message; for what must never be guessed. The type is that of the column it stands in. -#}
{% macro fail_with(message, type) -%} {{ adapter.dispatch('fail_with', 'settlement_warehouse')(message, type) }} {%- endmacro %}
{% macro default__fail_with(message, type) -%} {{ exceptions.raise_compiler_error("fail_with is not proven on " ~ target.type) }} {%- endmacro %}
{% macro duckdb__fail_with(message, type) -%} cast(error({{ message }}) as {{ type }}) {%- endmacro %}
{#- PostgreSQL has no such function: a cast that can't succeed carries the message. -#}
{% macro postgres__fail_with(message, type) -%} cast({{ message }} as {{ type }}) {%- endmacro %}
