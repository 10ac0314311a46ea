with payout_files as (
    select * from {{ source('raw', 'payout_files') }}
),

audited as (
    select object_id, to_name, decided_at from {{ ref('stg_decisions__audit_journal') }}
    where object_kind = 'payout_file' and is_last
),

final as (
    select
        payout_files.row_no,
        payout_files.file_no,
        payout_files.instruction_no,
        payout_files.bill_no,
        payout_files.participant_id,
        payout_files.account_no,
        payout_files.currency,
        payout_files.amount_minor,
        payout_files.made_by,
        payout_files.made_at,
        coalesce(audited.to_name, 'CREATED') as state,
        audited.decided_at,
        -- AUDIT-PAYOUTS: what a rejected file held may be in another one.
        coalesce(audited.to_name, 'CREATED') <> 'REJECTED' as is_standing
    from payout_files
    left join audited on audited.object_id = payout_files.file_no
)

select * from final
