{{ config(materialized='ephemeral') }}

{{ capped_grants_of(1) }}
