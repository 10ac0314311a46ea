{#- The only arithmetic on amounts. Everything is whole minor units; products are taken in 128 bits and rounded once. -#}

{#- Integer type wide enough for 10^15 minor units times 10^15. -#}
{% macro wide_type() -%} {{ adapter.dispatch('wide_type', 'settlement_warehouse')() }} {%- endmacro %}
{% macro default__wide_type() -%} {{ exceptions.raise_compiler_error("wide_type is not proven on " ~ target.type) }} {%- endmacro %}
{% macro duckdb__wide_type() -%} hugeint {%- endmacro %}
{% macro postgres__wide_type() -%} numeric(38, 0) {%- endmacro %}

{#- Exact product of two integers. -#}
{% macro wide_product(left, right) -%} (cast({{ left }} as {{ wide_type() }}) * {{ right }}) {%- endmacro %}

{#- Whole quotient of two non-negative integers, rounded down. -#}
{% macro whole_quotient(part, whole) -%} {{ adapter.dispatch('whole_quotient', 'settlement_warehouse')(part, whole) }} {%- endmacro %}
{% macro default__whole_quotient(part, whole) -%} {{ exceptions.raise_compiler_error("whole_quotient is not proven on " ~ target.type) }} {%- endmacro %}
{% macro duckdb__whole_quotient(part, whole) -%} (({{ part }}) // ({{ whole }})) {%- endmacro %}
{% macro postgres__whole_quotient(part, whole) -%} div({{ part }}, {{ whole }}) {%- endmacro %}

{#- Non-negative numerator over positive denominator, rounded once by the policy in a column or literal:
    half_up, half_even, down, up. -#}
{% macro rounded_quotient(numerator, denominator, policy) -%}
    cast(
        {{ whole_quotient(numerator, denominator) }}
        + case {{ policy }}
            when 'down' then 0
            when 'up' then case when mod({{ numerator }}, {{ denominator }}) > 0 then 1 else 0 end
            when 'half_even' then
                case
                    when 2 * mod({{ numerator }}, {{ denominator }}) > {{ denominator }} then 1
                    when 2 * mod({{ numerator }}, {{ denominator }}) = {{ denominator }}
                        then mod({{ whole_quotient(numerator, denominator) }}, 2)
                    else 0
                end
            else case when 2 * mod({{ numerator }}, {{ denominator }}) >= {{ denominator }} then 1 else 0 end
        end as bigint
    )
{%- endmacro %}

{#- Sum of whole amounts as bigint on every engine (engines widen sums differently). -#}
{% macro minor_sum(expression, over=none) -%}
    cast(sum({{ expression }}) {% if over %}over ({{ over }}){% endif %} as bigint)
{%- endmacro %}

{#- Minor units to major units, exactly: a product with a power of ten. Null where the currency is unknown. -#}
{% macro to_major(minor, minor_per_major) -%}
    cast(
        cast({{ minor }} as decimal(20, 0))
        * cast(
            case {{ minor_per_major }} when 1 then 1 when 10 then 0.1 when 100 then 0.01 when 1000 then 0.001 when 10000 then 0.0001 end
            as decimal(5, 4)
        ) as decimal(20, 4)
    )
{%- endmacro %}

{#- Major units (decimal(20,4)) to minor units; null where the amount is not a whole number of them. -#}
{% macro to_minor(amount, minor_per_major) -%}
    {{ adapter.dispatch('to_minor', 'settlement_warehouse')(amount, minor_per_major) }}
{%- endmacro %}
{% macro default__to_minor(amount, minor_per_major) -%} {{ exceptions.raise_compiler_error("to_minor is not proven on " ~ target.type) }} {%- endmacro %}
{% macro postgres__to_minor(amount, minor_per_major) -%}
    case
        when {{ amount }} * {{ minor_per_major }} = trunc({{ amount }} * {{ minor_per_major }})
            then cast({{ amount }} * {{ minor_per_major }} as bigint)
    end
{%- endmacro %}
{#- Amounts under 10^9 in 64 bits: 128-bit decimals cost four times as much, and nearly all amounts are small. -#}
{% macro duckdb__to_minor(amount, minor_per_major) -%}
    {%- set small = 'cast(cast(' ~ amount ~ ' as decimal(18, 4)) * cast(10000 as decimal(5, 0)) as bigint)' -%}
    case
        when abs({{ amount }}) < 1000000000
            then case when mod({{ small }}, 10000 // {{ minor_per_major }}) = 0 then {{ small }} // (10000 // {{ minor_per_major }}) end
        when {{ amount }} * {{ minor_per_major }} = cast({{ amount }} * {{ minor_per_major }} as hugeint)
            then cast({{ amount }} * {{ minor_per_major }} as bigint)
    end
{%- endmacro %}
