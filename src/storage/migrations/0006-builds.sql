-- When it was first taken to be made: its time runs from then.
alter table fn_build add column begun_at bigint;

-- How many builds an account asked for in an hour: the last in which it asked for any.
create table fn_build_hour (
  account_sid text primary key,
  hour bigint not null,
  asked bigint not null
);
