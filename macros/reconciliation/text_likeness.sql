{#- How alike two texts are, 0 to 1000 (equal), in whole numbers that every engine computes the same: the letters that both begin with and
    those that both end with, together no more than the shorter text has, as a share of the longer text. It finds what happens to order
    numbers: a prefix more or less, an end that is cut off, a digit that is wrong. `pairs` is a relation with pair_no, left_text and
    right_text, as letters_and_digits() gives them; gives pair_no and likeness, where both have text.
    Example: A-0711 and A-0712 both begin with A071 and have 5 letters: 800. -#}
{% macro text_likeness(pairs) -%}
with ended as (
    select
        pair_no, length(left_text) as left_length, length(right_text) as right_length,
        -- Signs that no text has and that differ: nothing is equal beyond its end.
        left_text || '<' as left_start, right_text || '>' as right_start, '<' || left_text as left_end, '>' || right_text as right_end
    from {{ pairs }}
    where left_text <> '' and right_text <> ''
),

in_eights as (
    select
        ended.*,
        {% for eights in range(1, 8) -%}
        case when substr(left_start, 1, {{ 8 * eights }}) = substr(right_start, 1, {{ 8 * eights }}) then 8 else 0 end
        {{- ' + ' if not loop.last }}
        {%- endfor %} as begin_alike,
        {% for eights in range(1, 8) -%}
        case when right(left_end, {{ 8 * eights }}) = right(right_end, {{ 8 * eights }}) then 8 else 0 end
        {{- ' + ' if not loop.last }}
        {%- endfor %} as end_alike
    from ended
),

in_ones as (
    select
        pair_no, left_length, right_length,
        begin_alike + end_alike
        {%- for ones in range(1, 8) %}
        + case when substr(left_start, 1, begin_alike + {{ ones }}) = substr(right_start, 1, begin_alike + {{ ones }}) then 1 else 0 end
        + case when right(left_end, end_alike + {{ ones }}) = right(right_end, end_alike + {{ ones }}) then 1 else 0 end
        {%- endfor %} as alike
    from in_eights
),

final as (
    select
        pair_no,
        cast(
            {{ whole_quotient('1000 * least(alike, left_length, right_length)', 'greatest(left_length, right_length)') }} as bigint
        ) as likeness
    from in_ones
)

select * from final
{%- endmacro %}

{#- The first 63 letters and digits of a text: without blanks and the signs that numbers are written with, and in capitals (of the alphabet
    only: engines disagree about the others). -#}
{% macro letters_and_digits(text_given) -%}
    substr(translate({{ text_given }}, 'abcdefghijklmnopqrstuvwxyz -_./#:<>', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'), 1, 63)
{%- endmacro %}

{#- REC-SUGGEST: 0 to 1000; 400 for the amount (less, the more of the tolerance it takes), 200 for the day (less, the more of the window it
    takes), 400 for order numbers that are alike. Each part is rounded down. -#}
{% macro suggestion_score(difference_minor, amount_tolerance_minor, days_apart, date_window_days, likeness) -%}
    cast(
        {{ whole_quotient('400 * (' ~ amount_tolerance_minor ~ ' + 1 - abs(' ~ difference_minor ~ '))', amount_tolerance_minor ~ ' + 1') }}
        + {{ whole_quotient('200 * (' ~ date_window_days ~ ' + 1 - abs(' ~ days_apart ~ '))', date_window_days ~ ' + 1') }}
        + {{ whole_quotient('400 * ' ~ likeness, '1000') }}
        as bigint
    )
{%- endmacro %}

{#- Days as people say them. -#}
{% macro days_text(days_apart) -%}
    case abs({{ days_apart }})
        when 0 then 'same day'
        when 1 then '1 day apart'
        else cast(abs({{ days_apart }}) as {{ dbt.type_string() }}) || ' days apart'
    end
{%- endmacro %}
