{{ config(materialized='ephemeral') }}

{{ demands_of('(' ~ amounts_to_allocate(1) ~ ') as amounts', 1) }}
