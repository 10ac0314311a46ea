{#- Null-safe comparison: with <> a missing value would pass as equal. -#}
{% macro differs(left, right) -%} ({{ left }} is distinct from {{ right }}) {%- endmacro %}
{% macro same(left, right) -%} ({{ left }} is not distinct from {{ right }}) {%- endmacro %}
