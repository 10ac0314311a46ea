{{ config(materialized='ephemeral') }}

{{ adjusted_grants_of(ref('int_clearing__releases'), 1) }}
