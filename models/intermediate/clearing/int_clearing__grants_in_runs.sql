{{ config(materialized='ephemeral') }}

{{ runs_of(ref('int_clearing__releases'), 1) }}
