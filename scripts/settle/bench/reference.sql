-- Load, match, billing and capped allocation of one reference day, as an engineer would write them by hand for just
-- this day: no history, no other methods, no configuration checks. The benchmark compares the warehouse with it.
-- Variables set by the caller: orders_file, payments_file, config_dir, batch_date.

-- Tables have no order of their own, so both cores may write them.
set preserve_insertion_order = false;

-- Load ------------------------------------------------------------------------------------------------------------
create table billing_rules as
select models.product_code, rules.rule_code, rules.method, rules.ppm, coalesce(rules.fixed_minor, 0) as fixed_minor,
    rules.allocation_rule_code
from read_csv(getvariable('config_dir') || '/billing_rules.csv', types = {'fixed_minor': 'bigint'}) as rules
inner join read_csv(getvariable('config_dir') || '/settlement_models.csv') as models
    on models.billing_rule_codes = rules.rule_code;

create table bearers as
select allocation_rule_code, level, bearer, priority, ppm, cast(cap_minor as bigint) as cap_minor, is_residual
from read_csv(getvariable('config_dir') || '/allocation_bearers.csv');

create table orders as
select file_row_number + 1 as line_no, order_no, version, order_type, product_code, participant_id, customer_id,
    channel_code, currency, cast(amount * 100 as bigint) as amount_minor, status, ordered_at, paid_at,
    original_order_no, attributes
from read_parquet(getvariable('orders_file'), file_row_number = true);

create table payments as
select file_row_number + 1 as line_no, channel_code, channel_txn_no, order_no, txn_type,
    cast(amount * 100 as bigint) as amount_minor, cast(fee * 100 as bigint) as fee_minor, currency, status, pay_method,
    account_no, completed_at, settlement_batch_no
from read_parquet(getvariable('payments_file'), file_row_number = true);

-- Match: every successful order and every line, one row each --------------------------------------------------------
create table matches as
select
    coalesce(ours.channel_code, theirs.channel_code) as channel_code,
    coalesce(ours.order_no, theirs.order_no) as order_no,
    case
        when ours.order_no is null then 'channel_only'
        when theirs.order_no is null then 'platform_only'
        when ours.currency <> theirs.currency then 'currency_mismatch'
        when ours.amount_minor <> theirs.amount_minor then 'amount_mismatch'
        else 'matched'
    end as result,
    ours.amount_minor as left_minor,
    theirs.amount_minor as right_minor,
    coalesce(theirs.amount_minor, 0) - coalesce(ours.amount_minor, 0) as difference_minor,
    coalesce(ours.currency, theirs.currency) as currency
from (select * from orders where status = 'success') as ours
full join (select * from payments where status = 'success' and txn_type = 'payment') as theirs
    on theirs.channel_code = ours.channel_code and theirs.order_no = ours.order_no;

-- Billing: one fee per successful order, numbered in clearing order --------------------------------------------------
set preserve_insertion_order = true;

create table fees as
select row_number() over () as clearing_seq, * exclude (ordered_at)
from (
    select
        orders.order_no,
        orders.ordered_at,
        orders.participant_id,
        orders.currency,
        billing_rules.rule_code,
        billing_rules.allocation_rule_code,
        orders.amount_minor as base_minor,
        -- Half up: amounts here are positive and their product stays under 2^63.
        (orders.amount_minor * billing_rules.ppm + billing_rules.fixed_minor * 1000000 + 500000) // 1000000 as fee_minor
    from orders
    inner join billing_rules on billing_rules.product_code = orders.product_code
    where orders.status = 'success'
    order by orders.ordered_at, orders.order_no
);

set preserve_insertion_order = false;

-- Allocation by ratio with largest remainder, then caps by running totals -------------------------------------------
create macro split(amounts_table, which_level) as table (
    with shares as (
        select
            allocation_rule_code,
            max(ppm) filter (where priority = 1) as ppm_1,
            max(ppm) filter (where priority = 2) as ppm_2,
            max(ppm) filter (where priority = 3) as ppm_3,
            max(cap_minor) filter (where priority = 1) as cap_1,
            max(cap_minor) filter (where priority = 2) as cap_2
        from bearers
        where level = which_level
        group by allocation_rule_code
    ),

    parts as (
        select
            amounts.clearing_seq,
            amounts.allocation_rule_code,
            amounts.fee_minor,
            shares.cap_1,
            shares.cap_2,
            amounts.fee_minor * ppm_1 // 1000000 as floor_1,
            amounts.fee_minor * ppm_2 // 1000000 as floor_2,
            amounts.fee_minor * ppm_1 % 1000000 as rest_1,
            amounts.fee_minor * ppm_2 % 1000000 as rest_2,
            amounts.fee_minor * ppm_3 % 1000000 as rest_3,
            -- The remainders sum to whole units: that many bearers get one unit more.
            (amounts.fee_minor * ppm_1 % 1000000 + amounts.fee_minor * ppm_2 % 1000000 + amounts.fee_minor * ppm_3 % 1000000)
            // 1000000 as missing
        from query_table(amounts_table) as amounts
        inner join shares on shares.allocation_rule_code = amounts.allocation_rule_code
    ),

    demands as (
        select
            clearing_seq,
            allocation_rule_code,
            fee_minor,
            cap_1,
            cap_2,
            floor_1 + case when (case when rest_2 > rest_1 then 1 else 0 end + case when rest_3 > rest_1 then 1 else 0 end)
            < missing then 1 else 0 end as demand_1,
            floor_2 + case when (case when rest_1 >= rest_2 then 1 else 0 end + case when rest_3 > rest_2 then 1 else 0 end)
            < missing then 1 else 0 end as demand_2
        from parts
    ),

    running as (
        select
            *,
            cast(sum(demand_1) over by_rule as bigint) as total_1,
            cast(sum(demand_2) over by_rule as bigint) as total_2
        from demands
        window by_rule as (
            partition by allocation_rule_code order by clearing_seq rows between unbounded preceding and current row
        )
    ),

    -- A = D - max(0, highest D - cap so far); the row's grant is what A grows by.
    capped as (
        select
            clearing_seq,
            allocation_rule_code,
            fee_minor,
            total_1 - greatest(excess_1, total_1 - cap_1) as accumulated_1,
            total_2 - greatest(excess_2, total_2 - cap_2) as accumulated_2,
            total_1 - demand_1 - excess_1 as before_1,
            total_2 - demand_2 - excess_2 as before_2
        from (
            select
                *,
                coalesce(greatest(0, max(total_1 - cap_1) over so_far), 0) as excess_1,
                coalesce(greatest(0, max(total_2 - cap_2) over so_far), 0) as excess_2
            from running
            window so_far as (
                partition by allocation_rule_code order by clearing_seq rows between unbounded preceding and 1 preceding
            )
        )
    )

    select
        capped.clearing_seq,
        capped.allocation_rule_code,
        bearers.bearer,
        cast(case bearers.priority
            when 1 then accumulated_1 - before_1
            when 2 then accumulated_2 - before_2
            else fee_minor - (accumulated_1 - before_1) - (accumulated_2 - before_2)
        end as bigint) as granted_minor,
        cast(case bearers.priority when 1 then accumulated_1 when 2 then accumulated_2 end as bigint) as accumulated_minor
    from capped
    inner join bearers on bearers.allocation_rule_code = capped.allocation_rule_code and bearers.level = which_level
);

create table grants as
from split('fees', 1);

-- What the platform takes is shared once more, where the day's rules have a second level.
create view amounts_below as
select clearing_seq, allocation_rule_code, granted_minor as fee_minor from grants
where bearer = 'platform' and granted_minor > 0;

create table grants_below as
from split('amounts_below', 2);

create table accumulators as
select allocation_rule_code, bearer, max(accumulated_minor) as closing_minor, sum(granted_minor) as granted_minor
from (from grants union all from grants_below)
group by allocation_rule_code, bearer;

checkpoint;
