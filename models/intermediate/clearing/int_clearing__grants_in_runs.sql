{{ config(materialized='ephemeral') }}

{{ runs_of(ref('int_clearing__demands_stepped'), ref('int_clearing__releases'), 1) }}
