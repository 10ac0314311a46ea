with results as (
    select
        *,
        row_number() over (partition by batch_id, expectation_id order by checkpoint_no desc) as recency
    from {{ source('raw', 'quality_results') }}
),

acceptances as (
    select
        *,
        row_number() over (partition by batch_id, expectation_id order by failing_rows desc, accepted_at desc, accepted_by desc) as place
    from {{ source('raw', 'quality_acceptances') }}
),

-- QUAL-ACCEPT: it covers as many failing rows as were accepted; more of them are something that nobody has answered for.
final as (
    select
        results.batch_id,
        results.batch_date,
        results.expectation_id,
        results.table_name,
        results.held,
        results.failing_rows,
        results.checked_rows,
        results.sample_keys,
        results.owner,
        results.meaning,
        results.what_to_do,
        results.severity,
        results.warn_until,
        -- QUAL-STOP: a failed expectation that may not fail stops publication until it holds or somebody answers for it.
        results.stops and acceptances.accepted_by is null as stops,
        acceptances.accepted_by,
        acceptances.reason as accepted_reason,
        results.checkpoint_no,
        results.checked_at
    from results
    left join acceptances
        on
            acceptances.batch_id = results.batch_id and acceptances.expectation_id = results.expectation_id
            and acceptances.place = 1 and acceptances.failing_rows >= results.failing_rows and not results.held
    where results.recency = 1
)

select * from final
