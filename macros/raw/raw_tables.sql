{#- The tables that loading fills. Plain SQL that DuckDB and PostgreSQL both take; `settle` renders this macro with
    Jinja, so nothing of dbt's own context is used in it. -#}
{% macro raw_tables(prefix='') -%}
create schema if not exists {{ prefix }}raw;
create schema if not exists {{ prefix }}meta;
create table if not exists {{ prefix }}raw.batches (
    batch_id bigint not null,
    batch_date date not null,
    opened_at timestamp not null,
    closed_at timestamp
);
create table if not exists {{ prefix }}raw.load_files (
    file_id bigint not null,
    batch_id bigint not null,
    dataset text not null,
    template text not null,
    template_hash text not null,
    file_name text not null,
    file_path text not null,
    sha256 text not null,
    byte_count bigint not null,
    rows_read bigint not null,
    rows_loaded bigint not null,
    rows_rejected bigint not null,
    rows_repeated bigint not null,
    rows_blank bigint not null,
    declared_totals text,
    found_totals text,
    archive_path text,
    loaded_at timestamp not null
);
create table if not exists {{ prefix }}raw.rejected_rows (
    file_id bigint not null,
    batch_id bigint not null,
    dataset text not null,
    line_no bigint not null,
    column_name text,
    column_value text,
    reason_code text not null,
    reason text not null,
    raw_text text
);
create table if not exists {{ prefix }}raw.templates (
    template text not null,
    template_hash text not null,
    body text not null,
    first_used_at timestamp not null
);
create table if not exists {{ prefix }}raw.orders (
    order_no text not null,
    version integer not null,
    order_type text not null,
    product_code text,
    participant_id text,
    customer_id text,
    channel_code text,
    currency text not null,
    amount decimal(20, 4),
    status text not null,
    ordered_at timestamp not null,
    paid_at timestamp,
    original_order_no text,
    attributes text,
    _file_id bigint not null,
    _line_no bigint not null,
    _batch_id bigint not null
);
create table if not exists {{ prefix }}raw.order_lines (
    order_no text not null,
    version integer not null,
    line_no integer not null,
    participant_id text,
    product_code text,
    amount decimal(20, 4) not null,
    attributes text,
    _file_id bigint not null,
    _line_no bigint not null,
    _batch_id bigint not null
);
create table if not exists {{ prefix }}raw.payments (
    channel_code text not null,
    channel_txn_no text not null,
    order_no text,
    txn_type text not null,
    amount decimal(20, 4) not null,
    fee decimal(20, 4),
    currency text not null,
    status text not null,
    pay_method text,
    account_no text,
    completed_at timestamp,
    settlement_batch_no text,
    _file_id bigint not null,
    _line_no bigint not null,
    _batch_id bigint not null
);
create table if not exists {{ prefix }}raw.bank_returns (
    file_no text not null,
    instruction_no text not null,
    bank_txn_no text not null,
    amount decimal(20, 4) not null,
    currency text not null,
    status text not null,
    failure_code text,
    failure_reason text,
    processed_at timestamp,
    _file_id bigint not null,
    _line_no bigint not null,
    _batch_id bigint not null
);
create table if not exists {{ prefix }}raw.bank_deposits (
    account_no text not null,
    bank_ref_no text not null,
    booked_on date not null,
    direction text not null,
    amount decimal(20, 4) not null,
    currency text not null,
    settlement_batch_no text,
    narrative text,
    balance decimal(20, 4),
    _file_id bigint not null,
    _line_no bigint not null,
    _batch_id bigint not null
);
create table if not exists {{ prefix }}raw.spv_reports (
    spv_code text not null,
    report_kind text not null,
    spv_txn_no text not null,
    order_no text,
    product_code text,
    amount decimal(20, 4) not null,
    principal decimal(20, 4),
    interest decimal(20, 4),
    fee decimal(20, 4),
    currency text not null,
    status text not null,
    confirmed_on date,
    _file_id bigint not null,
    _line_no bigint not null,
    _batch_id bigint not null
);
create table if not exists {{ prefix }}raw.corrections (
    correction_seq bigint not null,
    correction_no text not null,
    dataset text not null,
    row_key text not null,
    field text not null,
    old_value text,
    new_value text,
    reason text not null,
    corrected_by text not null,
    corrected_at timestamp not null,
    after_batch_id bigint not null
);
create table if not exists {{ prefix }}meta.model_batches (
    model_name text not null,
    batch_id bigint not null,
    invocation_id text not null
);
create table if not exists {{ prefix }}meta.tested_batches (
    batch_id bigint not null,
    invocation_id text not null
);
create table if not exists {{ prefix }}meta.resets (
    reset_no bigint not null,
    from_batch_id bigint not null,
    up_to_batch_id bigint not null,
    reason text not null,
    reset_by text not null,
    reset_at timestamp not null
);
create table if not exists {{ prefix }}raw.pulled_files (
    source text not null,
    file_name text not null,
    byte_count bigint not null,
    modified_at bigint not null,
    sha256 text not null,
    inbox_name text not null,
    pulled_at timestamp not null
);
create table if not exists {{ prefix }}raw.decisions (
    decision_seq bigint not null,
    decision_no text not null,
    relation text not null,
    item_key text not null,
    order_no text not null,
    action text not null,
    other_item_key text,
    other_order_no text,
    line_channel_code text,
    line_txn_no text,
    takes_back_no text,
    reason text not null,
    decided_by text not null,
    decided_at timestamp not null,
    after_batch_id bigint not null
);
create table if not exists {{ prefix }}raw.audit_journal (
    seq bigint not null,
    object_kind text not null,
    object_id text not null,
    from_state bigint,
    from_name text,
    action text not null,
    to_state bigint not null,
    to_name text not null,
    actor text not null,
    role text not null,
    comment text not null,
    decided_at timestamp not null,
    after_batch_id bigint not null,
    content_hash text not null,
    algorithm text not null,
    prev_hash text not null,
    row_hash text not null
);
create table if not exists {{ prefix }}raw.payout_files (
    row_no bigint not null,
    file_no text not null,
    instruction_no text not null,
    bill_no text not null,
    participant_id text not null,
    account_no text not null,
    currency text not null,
    amount_minor bigint not null,
    made_by text not null,
    made_at timestamp not null
);
create table if not exists {{ prefix }}raw.quality_results (
    checkpoint_no bigint not null,
    batch_id bigint not null,
    batch_date date not null,
    expectation_id text not null,
    table_name text not null,
    held boolean not null,
    failing_rows bigint not null,
    checked_rows bigint not null,
    sample_keys text not null,
    owner text not null,
    meaning text not null,
    what_to_do text not null,
    severity text not null,
    warn_until date,
    stops boolean not null,
    checked_at timestamp not null
);
create table if not exists {{ prefix }}raw.quality_acceptances (
    batch_id bigint not null,
    expectation_id text not null,
    failing_rows bigint not null,
    reason text not null,
    accepted_by text not null,
    accepted_at timestamp not null
);
{%- endmacro %}
