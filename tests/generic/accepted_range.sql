{#- No value lies outside least and most (either may be left out); empty values do not count. -#}
{% test accepted_range(model, column_name, least=none, most=none) %}
select {{ column_name }}
from {{ model }}
where false
    {% if least is not none %} or {{ column_name }} < {{ least }} {% endif %}
    {% if most is not none %} or {{ column_name }} > {{ most }} {% endif %}
{% endtest %}
