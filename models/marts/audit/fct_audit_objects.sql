with journal as (
    select * from {{ ref('stg_decisions__audit_journal') }}
),

created as (
    select seq, actor, decided_at from journal
    where action = 'CREATE'
),

approved as (
    select round_seq, count(*) as approval_count from journal
    where action = 'APPROVE'
    group by round_seq
),

final as (
    select
        journal.object_kind,
        journal.object_id,
        journal.to_name as state,
        journal.to_state as state_no,
        created.actor as created_by,
        created.decided_at as created_at,
        coalesce(approved.approval_count, 0) as approval_count,
        journal.action as last_action,
        journal.actor as decided_by,
        journal.decided_at,
        journal.comment,
        journal.content_hash,
        journal.seq
    from journal
    left join created on created.seq = journal.round_seq
    left join approved on approved.round_seq = journal.round_seq
    where journal.is_last
)

select * from final
