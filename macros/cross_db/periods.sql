{#- Key of the period that a date lies in: month `2026-01`, quarter `2026-Q1`, year `2026`, `lifetime`; null where the kind is. -#}
{% macro base_period_key(kind, day) -%}
    case {{ kind }}
        when 'month' then substr(cast({{ day }} as {{ dbt.type_string() }}), 1, 7)
        when 'quarter'
            then substr(cast({{ day }} as {{ dbt.type_string() }}), 1, 4) || '-Q'
                || cast(extract(quarter from {{ day }}) as {{ dbt.type_string() }})
        when 'year' then substr(cast({{ day }} as {{ dbt.type_string() }}), 1, 4)
        else {{ kind }}
    end
{%- endmacro %}
