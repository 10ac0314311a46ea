{{ config(materialized='ephemeral') }}

{{ orders_due() }}
