{%- set fields = ['order_no', 'product_code', 'amount', 'principal', 'interest', 'fee', 'currency', 'status'] -%}

-- SPV-FIX: what was corrected after batch N takes effect in batch N + 1; a batch that is built is closed for good.
with corrections as (
    select correction_seq, row_key, field, new_value, after_batch_id + 1 as from_batch_id
    from {{ source('raw', 'corrections') }}
    where dataset = 'spv_reports'
),

changes as (
    select distinct row_key, from_batch_id from corrections
),

-- Of several corrections of one field the last one counts; those of other fields stay.
fields_corrected as (
    select
        changes.row_key, changes.from_batch_id, corrections.field, corrections.new_value,
        row_number() over (
            partition by changes.row_key, changes.from_batch_id, corrections.field order by corrections.correction_seq desc
        ) as place
    from changes
    inner join corrections on corrections.row_key = changes.row_key and corrections.from_batch_id <= changes.from_batch_id
),

final as (
    select
        row_key, from_batch_id,
        {%- for field in fields %}
        max(case when field = '{{ field }}' then new_value end) as {{ field }},
        max(case when field = '{{ field }}' then 1 else 0 end) = 1 as has_{{ field }},
        {%- endfor %}
        lead(from_batch_id) over (partition by row_key order by from_batch_id) as until_batch_id,
        row_number() over (partition by row_key order by from_batch_id) as change_no
    from fields_corrected
    where place = 1
    group by row_key, from_batch_id
)

select * from final
