{{ config(materialized='ephemeral') }}

{{ demands_of(ref('int_clearing__fees_to_allocate'), 1) }}
