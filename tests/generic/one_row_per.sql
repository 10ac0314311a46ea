{#- Each value of the columns occurs once; rows where they are all empty do not count. -#}
{% test one_row_per(model, columns) %}
select {{ columns | join(', ') }}, count(*) as row_count
from {{ model }}
where {{ columns[0] }} is not null
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
