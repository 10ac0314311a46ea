{{ config(materialized='ephemeral') }}

{{ demands_of('(' ~ amounts_to_allocate(2) ~ ') as amounts', 2) }}
