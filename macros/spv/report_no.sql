{#- The number of a report: its SPV, direction, kind and accounting date, as in SPV1:out:repayment:2026-01-05. -#}
{% macro report_no(spv_code, direction, report_kind, batch_date) -%}
    {{ spv_code }} || ':' || {{ direction }} || ':' || {{ report_kind }} || ':' || cast({{ batch_date }} as {{ dbt.type_string() }})
{%- endmacro %}
