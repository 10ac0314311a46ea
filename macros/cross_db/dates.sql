{#- Date of a UTC time in the business time zone. Where the zone has had one offset since 2000 (no daylight saving, Shanghai for one)
    the offset is added: that costs a tenth of asking the engine's time zone library for every row. -#}
{% macro business_date(expression) -%}
    {%- set zone = env_var('SETTLE_TIME_ZONE', 'Asia/Shanghai') -%}
    {%- set minutes = fixed_offset_minutes(zone) -%}
    {%- set by_library = "cast((" ~ expression ~ " at time zone 'UTC') at time zone '" ~ zone ~ "' as date)" -%}
    {%- if minutes is none -%}
    {{ by_library }}
    {%- else -%}
    case
        when {{ expression }} >= timestamp '2000-01-01 00:00:00' and {{ expression }} < timestamp '2037-01-01 00:00:00'
            then cast({{ expression }} + interval '{{ minutes }} minutes' as date)
        else {{ by_library }}
    end
    {%- endif -%}
{%- endmacro %}

{#- Minutes east of UTC if the zone keeps one offset from 2000 to 2037, else none. -#}
{% macro fixed_offset_minutes(zone) -%}
    {%- set time_zone = modules.pytz.timezone(zone) -%}
    {%- set offsets = [] -%}
    {%- for year in range(2000, 2038) -%}
        {%- for month in range(1, 13) -%}
            {%- set offset = time_zone.utcoffset(modules.datetime.datetime(year, month, 1)) -%}
            {%- if offset not in offsets -%} {%- do offsets.append(offset) -%} {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return((offsets[0].total_seconds() // 60) | int if offsets | length == 1 else none) }}
{%- endmacro %}

{#- Hours of a UTC time since 1970, whole. -#}
{% macro hour_number(expression) -%} {{ adapter.dispatch('hour_number', 'settlement_warehouse')(expression) }} {%- endmacro %}
{% macro default__hour_number(expression) -%} {{ exceptions.raise_compiler_error("hour_number is not proven on " ~ target.type) }} {%- endmacro %}
{% macro duckdb__hour_number(expression) -%} (epoch_us({{ expression }}) // 3600000000) {%- endmacro %}
{% macro postgres__hour_number(expression) -%} cast(floor(extract(epoch from {{ expression }}) / 3600) as bigint) {%- endmacro %}

{#- The group in which a line is numbered: its hour, or after all hours where its model is not ordered. -#}
{% macro numbering_hour(ordered_at, is_ordered) -%}
    case when {{ is_ordered }} then {{ hour_number(ordered_at) }} else 9000000000 end
{%- endmacro %}
