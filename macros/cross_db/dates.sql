{#- Date of a UTC time in the business time zone. -#}
{% macro business_date(expression) -%}
    cast(({{ expression }} at time zone 'UTC') at time zone '{{ env_var("SETTLE_TIME_ZONE", "Asia/Shanghai") }}' as date)
{%- endmacro %}
