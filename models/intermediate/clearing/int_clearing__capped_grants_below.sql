{{ config(materialized='ephemeral') }}

{{ capped_grants_of(2) }}
