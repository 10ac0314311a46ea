{{ config(materialized='ephemeral') }}

{{ demands_of(ref('int_clearing__fees_to_allocate'), 1, is_stepped=true) }}
