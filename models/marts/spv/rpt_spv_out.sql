with final as (
    select * from {{ ref('fct_spv_report_lines') }}
    where direction = 'out'
)

select * from final
