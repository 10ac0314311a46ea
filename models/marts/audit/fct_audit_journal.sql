with final as (
    select
        seq,
        object_kind,
        object_id,
        from_state,
        from_name,
        action,
        to_state,
        to_name,
        actor,
        role,
        comment,
        decided_at,
        after_batch_id,
        content_hash,
        algorithm,
        prev_hash,
        row_hash,
        is_last
    from {{ ref('stg_decisions__audit_journal') }}
)

select * from final
