-- Functions that the two engines spell differently; the rest of sql/ keeps to what both understand.

-- Seconds from one instant to another, with microseconds.
create or replace macro seconds_between(earlier, later) as (epoch_us(later) - epoch_us(earlier)) / 1e6;

-- The instant some seconds later.
create or replace macro seconds_after(instant, seconds) as make_timestamptz(
    epoch_us(instant) + cast(round(seconds * 1e6) as bigint)
);

-- Whether a span of coverage is of the account and region of a target group; where either is unknown it is.
create or replace macro is_of_place(arn, account, region) as (
    coalesce(account = nullif(split_part(arn, ':', 5), ''), true)
    and coalesce(region = nullif(split_part(arn, ':', 4), ''), true)
);

-- Whether two addresses can be of one VPC; where either VPC is unknown they can.
create or replace macro may_share_vpc(vpc, other) as coalesce(vpc = other, true);

-- An IPv4 address as a number, so that addresses of one block have one quotient; NULL for any other.
create or replace macro ipv4_number(address) as (
    try_cast(split_part(address, '.', 1) as bigint) * 16777216
    + try_cast(split_part(address, '.', 2) as bigint) * 65536
    + try_cast(split_part(address, '.', 3) as bigint) * 256
    + try_cast(split_part(address, '.', 4) as bigint)
);

-- Whole minutes since 1970, the key for joins by nearness.
create or replace macro minute_of(instant) as epoch_us(instant) // 60000000;

-- The instant at which a whole minute since 1970 starts.
create or replace macro start_of_minute(minute) as make_timestamptz(minute * 60000000);

-- Ten-minute blocks since 1970, the key for joins by wider nearness.
create or replace macro block_of(instant) as epoch_us(instant) // 600000000;

-- One instant in some (a prime), by its place within the minute: the same lines give the same sample, in
-- whatever files and order they come.
create or replace macro in_sample(instant, one_in) as epoch_us(instant) % 60000000 % one_in = 0;

-- A hexadecimal number of up to 8 digits as seconds since 1970; NULL where it is none.
create or replace macro instant_of_hex(digits) as make_timestamptz(
    try_cast('0x' || digits as bigint) * 1000000
);

-- An instant as text, with the offset +00.
create or replace macro text_of(instant) as cast(instant as varchar);

-- The path of a URL without its query, numbers folded, so that one endpoint is one path.
create or replace macro path_of(url) as regexp_replace(
    regexp_replace(regexp_replace(url, '^[a-zA-Z]+://[^/]*', ''), '[?#].*$', ''), '[0-9]+', 'N', 'g'
);

-- Density per second of a lag spread evenly over [earliest, latest], blurred by an uncertainty on
-- either side; 0 outside. Uncertain instants widen a window and thin it out, they never sharpen it.
create or replace macro spread(lag_s, earliest, latest, uncertainty_s) as case
    when lag_s between earliest - uncertainty_s and latest + uncertainty_s
        then 1.0 / greatest(latest - earliest + 2.0 * uncertainty_s, 0.1)
    else 0.0
end;

-- The instant at which an instant's bucket of some whole minutes begins; buckets count from 1970.
create or replace macro bucket_start(instant, minutes) as start_of_minute(
    minute_of(instant) // minutes * minutes
);
