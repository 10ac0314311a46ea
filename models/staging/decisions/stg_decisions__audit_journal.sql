with journal as (
    select * from {{ source('raw', 'audit_journal') }}
),

-- AUDIT-FREEZE: a round begins when an object is put under audit; a rejected one may begin another.
rounds as (
    select
        seq,
        max(case when action = 'CREATE' then seq end) over (
            partition by object_kind, object_id order by seq rows between unbounded preceding and current row
        ) as round_seq,
        lag(to_state) over (partition by object_kind, object_id order by seq) as state_before,
        row_number() over (partition by object_kind, object_id order by seq desc) as place_from_end,
        row_number() over (order by seq) as place,
        lag(row_hash) over (order by seq) as hash_before
    from journal
),

final as (
    select
        journal.seq,
        journal.object_kind,
        journal.object_id,
        journal.from_state,
        journal.from_name,
        journal.action,
        journal.to_state,
        journal.to_name,
        journal.actor,
        journal.role,
        journal.comment,
        journal.decided_at,
        journal.after_batch_id,
        journal.content_hash,
        journal.algorithm,
        journal.prev_hash,
        journal.row_hash,
        rounds.round_seq,
        rounds.state_before,
        rounds.place_from_end = 1 as is_last,
        rounds.place,
        rounds.hash_before
    from journal
    inner join rounds on rounds.seq = journal.seq
)

select * from final
