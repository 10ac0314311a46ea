{#- One text for the content of some columns: the same for the same values, another for any other. Lengths stand in front, so that
    ('ab', 'c') and ('a', 'bc') differ, and an absent value is not an empty one. -#}
{% macro content_key(columns) -%}
    md5(
        {%- for column in columns %}
        coalesce(
            cast(length(cast({{ column }} as {{ dbt.type_string() }})) as {{ dbt.type_string() }}) || ':' || cast({{ column }} as {{ dbt.type_string() }}), '-'
        )
        {{- ' || ' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}
