{{ config(materialized='ephemeral') }}

{{ one_of(ref('int_clearing__releases'), 1) }}
