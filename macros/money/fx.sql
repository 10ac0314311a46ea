{#- Whether a text is an exchange rate that can be multiplied exactly: 6 digits before the point and 12 after it at most. -#}
{% macro is_plain_rate(expression) -%} {{ adapter.dispatch('is_plain_rate', 'settlement_warehouse')(expression) }} {%- endmacro %}
{% macro default__is_plain_rate(expression) -%} {{ exceptions.raise_compiler_error("is_plain_rate is not proven on " ~ target.type) }} {%- endmacro %}
{% macro duckdb__is_plain_rate(expression) -%} regexp_full_match({{ expression }}, '[0-9]{1,6}([.][0-9]{1,12})?') {%- endmacro %}
{% macro postgres__is_plain_rate(expression) -%} {{ expression }} ~ '^[0-9]{1,6}([.][0-9]{1,12})?$' {%- endmacro %}

{#- An amount in another currency: times rate_factor, over rate_divisor, rounded once half_up (away from zero at the half). Empty
    without a rate, and where it would not fit: nothing that settles depends on it. -#}
{% macro in_other_currency(minor, rates) -%}
    {%- set product = wide_product('abs(' ~ minor ~ ')', rates ~ '.rate_factor') -%}
    case
        when abs({{ minor }}) <= {{ whole_quotient("cast('" ~ '1' ~ '0' * 37 ~ "' as " ~ wide_type() ~ ")", rates ~ '.rate_factor') }}
            then case
                when {{ product }} < {{ wide_product(rates ~ '.rate_divisor', '1000000000000000000') }}
                    then cast(sign({{ minor }}) as bigint) * {{ rounded_quotient(product, rates ~ '.rate_divisor', "'half_up'") }}
            end
    end
{%- endmacro %}
