{#- Whether a text is an exchange rate that can be multiplied exactly: 6 digits before the point and 12 after it at most. -#}
{% macro is_plain_rate(expression) -%} {{ adapter.dispatch('is_plain_rate', 'settlement_warehouse')(expression) }} {%- endmacro %}
{% macro default__is_plain_rate(expression) -%} {{ exceptions.raise_compiler_error("is_plain_rate is not proven on " ~ target.type) }} {%- endmacro %}
{% macro duckdb__is_plain_rate(expression) -%} regexp_full_match({{ expression }}, '[0-9]{1,6}([.][0-9]{1,12})?') {%- endmacro %}
{% macro postgres__is_plain_rate(expression) -%} {{ expression }} ~ '^[0-9]{1,6}([.][0-9]{1,12})?$' {%- endmacro %}

{#- An amount in another currency: times rate_factor, over rate_divisor, rounded once half_up (away from zero at the half). Empty
    without a rate, and from largest_minor on: nothing that settles depends on it, so it must not stop anything either. -#}
{% macro in_other_currency(minor, rates) -%}
    case
        when abs({{ minor }}) < {{ rates }}.largest_minor
            then cast(sign({{ minor }}) as bigint) * {{ rounded_quotient(
                wide_product('abs(' ~ minor ~ ')', rates ~ '.rate_factor'), rates ~ '.rate_divisor', "'half_up'"
            ) }}
    end
{%- endmacro %}

{#- The amount whose product with a factor would leave 10^37, or whose result would leave 10^18. -#}
{% macro largest_to_convert(factor, divisor) -%}
    least(
        {{ whole_quotient("cast('1' || repeat('0', 37) as " ~ wide_type() ~ ")", factor) }},
        {{ whole_quotient(wide_product(divisor, '1000000000000000000'), factor) }}
    )
{%- endmacro %}
