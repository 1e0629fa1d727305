-- What DuckDB has and Spark spells differently, in Spark's words; these win over the macros of DuckDB.

create or replace macro epoch_us(instant) as unix_micros(instant);

create or replace macro make_timestamptz(microseconds) as timestamp_micros(microseconds);

-- Spark leaves the offset out.
create or replace macro text_of(instant) as cast(instant as varchar) || '+00';

-- A hexadecimal number of up to 8 digits as seconds since 1970; NULL where it is none.
create or replace macro instant_of_hex(digits) as case
    when regexp_matches(digits, '^[0-9a-fA-F]{1,8}$')
        then make_timestamptz(cast(conv(digits, 16, 10) as bigint) * 1000000)
end;
