{#- No batch has a control that does not hold, old batches included. -#}
{% test every_control_holds(model) %}
select control, batch_id, scope, currency, left_minor, right_minor, explained_minor
from {{ model }}
where not coalesce(held, false)
{% endtest %}
