-- INV-SUCCESSFUL: every order that counts as paid has a reconciliation result from that batch on.
{{ config(meta={'owner': 'reconciliation', 'action': 'Look at the order in int_reconciliation__pairs; it is in no total.'}) }}

select
    pairs.batch_id,
    pairs.channel_code,
    pairs.order_no
from {{ ref('int_reconciliation__pairs') }} as pairs
left join {{ ref('int_reconciliation__items') }} as items
    on
        items.batch_id <= pairs.batch_id and items.order_no = pairs.order_no
        and items.channel_code = pairs.channel_code and items.direction = pairs.direction
where {{ is_untested('pairs.batch_id') }} and pairs.is_order_successful and items.order_no is null
