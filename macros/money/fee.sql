{#- Fee of a base under a rule version, before the clamp (BILL-RATE … BILL-PACKAGE): exact in millionths of a minor unit, rounded
    once by the rule's policy. Small amounts are computed in 64 bits, which costs a third on DuckDB; both give the same. -#}
{% macro fee_of(base, rule, tier) -%}
    case
        when {{ base }} < 1000000000000 and {{ rule }}.method in ('rate', 'rate_plus_fixed', 'fixed') and {{ rule }}.fixed_minor < 1000000000000
            then {{ rounded_quotient(
                '(' ~ base ~ ' * ' ~ rule ~ '.rate_ppm + ' ~ rule ~ '.flat_minor * 1000000)', '1000000', rule ~ '.rounding'
            ) }}
        else {{ rounded_quotient(fee_millionths(base, rule, tier), '1000000', rule ~ '.rounding') }}
    end
{%- endmacro %}

{% macro fee_millionths(base, rule, tier) -%}
    case {{ rule }}.method
        when 'package'
            then {{ wide_product(packages_of(base, rule), rule ~ '.package_price_minor') }} * 1000000
        when 'graduated' then {{ millionths_until(base, tier) }}
        when 'volume' then {{ millionths_within(base, base, tier) }}
        else {{ wide_product(base, rule ~ '.rate_ppm') }} + {{ wide_product(rule ~ '.flat_minor', 1000000) }}
    end
{%- endmacro %}

{#- How many packages a base begins. -#}
{% macro packages_of(base, rule) -%}
    {{ whole_quotient(base ~ ' + ' ~ rule ~ '.package_size_minor - 1', rule ~ '.package_size_minor') }}
{%- endmacro %}

{#- Fee of a base on top of an accumulated one (BILL-BASE-GRADUATED, BILL-BASE-VOLUME): graduated is the price of all up to the sum
    less the price of all up to what was before, so a tier's flat amount falls to the base that enters it. `tier` is the one that
    tier_point falls in, `tier_before` the one that `before` does; both come from tier_holds(). -#}
{% macro cumulative_millionths(base, before, rule, tier, tier_before) -%}
    case {{ rule }}.method
        when 'cumulative_graduated'
            then {{ millionths_until('(' ~ before ~ ' + ' ~ base ~ ')', tier) }} - {{ millionths_until(before, tier_before) }}
        else {{ millionths_within(tier_point(base, before, rule), base, tier) }}
    end
{%- endmacro %}

{#- The amount by which the tier of a fee is found: the base, or with an accumulated base its end; by volume its beginning, whose
    tier holds from ≤ B < to, which is from < B + 1 ≤ to. -#}
{% macro tier_point(base, before, rule) -%}
    case {{ rule }}.method
        when 'cumulative_graduated' then {{ before }} + {{ base }}
        when 'cumulative_volume' then {{ before }} + 1
        else {{ base }}
    end
{%- endmacro %}

{#- A tier holds from its lower bound (exclusive) to where the next one begins (inclusive): join condition, with millionths_*. -#}
{% macro tier_holds(amount, tier) -%}
    {{ tier }}.from_minor < {{ amount }} and ({{ tier }}.next_from_minor is null or {{ amount }} <= {{ tier }}.next_from_minor)
{%- endmacro %}

{#- Price of all slices up to an amount, by the tier it falls in; nothing where it falls in none. -#}
{% macro millionths_until(amount, tier) -%}
    coalesce(
        {{ tier }}.below_millionths + {{ wide_product(tier ~ '.flat_minor', 1000000) }}
        + {{ wide_product('least(' ~ amount ~ ', coalesce(' ~ tier ~ '.to_minor, ' ~ amount ~ ')) - ' ~ tier ~ '.from_minor', tier ~ '.ppm') }},
        0
    )
{%- endmacro %}

{#- Price of a base by one tier; nothing where the amount that chose the tier lies beyond its end. -#}
{% macro millionths_within(amount, base, tier) -%}
    case
        when {{ tier }}.ppm is not null and {{ amount }} <= coalesce({{ tier }}.to_minor, {{ amount }})
            then {{ wide_product(base, tier ~ '.ppm') }} + {{ wide_product(tier ~ '.flat_minor', 1000000) }}
        else 0
    end
{%- endmacro %}

{#- What a rule counts of a line. -#}
{% macro base_of(line, base) -%}
    case {{ base }}
        when 'principal' then {{ line }}.principal_minor
        when 'interest' then {{ line }}.interest_minor
        when 'count' then 1
        else {{ line }}.amount_minor
    end
{%- endmacro %}

{#- BILL-CLAMP: the limits apply to the rounded fee. -#}
{% macro clamped(rounded, rule) -%}
    greatest(
        coalesce({{ rule }}.min_minor, least(coalesce({{ rule }}.max_minor, {{ rounded }}), {{ rounded }})),
        least(coalesce({{ rule }}.max_minor, {{ rounded }}), {{ rounded }})
    )
{%- endmacro %}

{#- What a refund takes off an amount of its original: the amount's part up to and with this refund less the part before it. -#}
{% macro part_given_back(amount, refund, policy) -%}
    ({{ rounded_quotient(wide_product(amount, refund ~ '.refunded_minor'), refund ~ '.original_minor', policy) }}
    - {{ rounded_quotient(wide_product(amount, '(' ~ refund ~ '.refunded_minor - ' ~ refund ~ '.amount_minor)'), refund ~ '.original_minor', policy) }})
{%- endmacro %}

{#- A weight below 10^9 that scatters over fee numbers, for control totals that notice a unit moved from one fee to another. -#}
{% macro fee_weight(fee_no) -%} mod({{ fee_no }} * 1000003, 998244353) {%- endmacro %}

{#- The clearing number of the line that a fee belongs to: a fee's number is its line's × 100 + the place of its rule. -#}
{% macro seq_of_fee(fee_no) -%} cast({{ whole_quotient(fee_no, '100') }} as bigint) {%- endmacro %}
