{{ config(materialized='ephemeral') }}

{{ demands_of(ref('int_clearing__shares_to_allocate'), 2, is_stepped=true) }}
