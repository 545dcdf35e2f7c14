-- The busy tables begin their keys with `placement` (design: data model); the rest are small reference tables.

create table installation (
  id bigint primary key,
  placements bigint not null,
  active_key_id text not null,
  index_key bytea not null,
  created_at bigint not null
);

create table account (
  sid text primary key,
  friendly_name text not null,
  status text not null,
  auth_token bytea not null,
  auth_token_hash bytea not null,
  revision bigint not null,
  created_at bigint not null,
  updated_at bigint not null
);

create table service (
  sid text primary key,
  account_sid text not null,
  settings text not null,
  revision bigint not null,
  deleted_at bigint,
  created_at bigint not null,
  updated_at bigint not null
);
create index service_by_account on service (account_sid, created_at, sid);
-- Retention.
create index service_deleted on service (deleted_at) where deleted_at is not null;

create table verification (
  placement bigint not null,
  sid text not null,
  account_sid text not null,
  service_sid text not null,
  slot bytea not null,
  recipient text not null,
  channel text not null,
  status text not null,
  open bigint not null,
  code bytea,
  code_version bigint not null,
  sends text not null,
  checks bigint not null,
  amount text,
  payee text,
  lookup text,
  tags text,
  expires_at bigint not null,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (placement, sid)
);
-- Create and check; of two racing starts one wins.
create unique index verification_open on verification (placement, slot) where open = 1;

create table attempt (
  placement bigint not null,
  sid text not null,
  account_sid text not null,
  service_sid text not null,
  verification_sid text not null,
  slot bytea not null,
  recipient text not null,
  channel text not null,
  country text,
  message text not null,
  code_version bigint not null,
  status text not null,
  provider text,
  error_code text,
  converted bigint not null,
  queue text,
  due_at bigint,
  tries bigint not null,
  expires_at bigint not null,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (placement, sid)
);
-- The sweeper.
create index attempt_due on attempt (queue, due_at) where due_at is not null;
-- Lists, newest first.
create index attempt_by_account on attempt (account_sid, created_at, sid);
-- The filter by To.
create index attempt_by_slot on attempt (slot);

create table handover (
  placement bigint not null,
  attempt_sid text not null,
  n bigint not null,
  account_sid text not null,
  provider text not null,
  outcome text not null,
  code text,
  detail text,
  message_id text,
  created_at bigint not null,
  primary key (placement, attempt_sid, n)
);

-- (provider, message id) → attempt; a receipt that comes too early is parked here.
create table receipt_key (
  placement bigint not null,
  provider text not null,
  message_id text not null,
  attempt_sid text,
  state text,
  code text,
  created_at bigint not null,
  primary key (placement, provider, message_id)
);
create index receipt_key_by_age on receipt_key (created_at);

-- Folded in the background, for Summary.
create table attempt_hour (
  account_sid text not null,
  service_sid text not null,
  channel text not null,
  country text not null,
  prefix text not null,
  hour bigint not null,
  total bigint not null,
  converted bigint not null,
  primary key (account_sid, hour, service_sid, channel, country, prefix)
);

-- How far a background job has come: attempts folded, verifications expired.
create table progress (
  job text not null,
  part text not null,
  reached text not null,
  primary key (job, part)
);

-- A message has the sid of its attempt, but for the letters: that finds those to one recipient (attempt_by_slot). An
-- index of its own, in random order, would cost a third of all that the delivery writes.
create table inbox_message (
  placement bigint not null,
  sid text not null,
  account_sid text not null,
  verification_sid text not null,
  channel text not null,
  content bytea not null,
  created_at bigint not null,
  primary key (placement, sid)
);
create index inbox_by_account on inbox_message (account_sid, created_at, sid);
