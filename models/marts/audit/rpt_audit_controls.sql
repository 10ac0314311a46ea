with journal as (
    select * from {{ ref('stg_decisions__audit_journal') }}
),

-- INV-AUDIT: each row names the hash of the row before, and no number is missing.
unlinked as (
    select seq from journal
    where
        seq <> place
        or {{ differs('prev_hash', "coalesce(hash_before, '0000000000000000000000000000000000000000000000000000000000000000')") }}
),

-- AUDIT-EYES: nobody approves what they put under audit, and nobody twice in one round.
same_eyes as (
    select journal.seq from journal
    inner join journal as before
        on
            before.object_kind = journal.object_kind and before.object_id = journal.object_id
            and before.seq >= journal.round_seq and before.seq < journal.seq
            and before.actor = journal.actor and before.action in ('CREATE', 'APPROVE')
    where journal.action = 'APPROVE'
),

-- AUDIT-STATES: a decision begins where the one before ended, and only an object that is not under audit begins anew.
steps_apart as (
    select seq from journal
    where
        {{ differs('from_state', 'state_before') }}
        or round_seq is null
        or (action = 'CREATE' and coalesce(state_before, -1) <> -1)
),

final as (
    select 'journal_is_linked' as control, count(*) = 0 as held, count(*) as failing_rows, min(seq) as first_seq from unlinked
    union all
    select 'four_eyes', count(*) = 0, count(*), min(seq) from same_eyes
    union all
    select 'steps_follow_each_other', count(*) = 0, count(*), min(seq) from steps_apart
)

select * from final
