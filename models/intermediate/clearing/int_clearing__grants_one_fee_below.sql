{{ config(materialized='ephemeral') }}

{{ one_of(ref('int_clearing__demands_stepped_below'), ref('int_clearing__releases_below'), 2) }}
