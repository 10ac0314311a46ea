-- Marts of this schema read no view of it: where the DuckDB file is settlement.duckdb, a view can't name a schema of the same name.
with final as (
    select * from {{ ref('int_settlement__entries_shown') }}
)

select * from final
