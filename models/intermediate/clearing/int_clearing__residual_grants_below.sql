{{ config(materialized='ephemeral') }}

{{ residual_grants_of(ref('int_clearing__demands_below'), 2) }}
