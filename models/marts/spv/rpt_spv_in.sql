with final as (
    select * from {{ ref('fct_spv_report_lines') }}
    where direction = 'in'
)

select * from final
