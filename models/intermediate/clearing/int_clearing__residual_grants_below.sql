{{ config(materialized='ephemeral') }}

{{ residual_grants_of(2) }}
