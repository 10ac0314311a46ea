{{ config(materialized='ephemeral') }}

{{ capped_grants_of(ref('int_clearing__demands'), 1) }}
