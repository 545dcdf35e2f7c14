-- Accounts below accounts, keys, addresses they may come from, what they used and what was changed.

alter table account add column parent_sid text;
alter table account add column kind text not null default 'Full';
alter table account add column secondary_auth_token bytea;
alter table account add column secondary_auth_token_hash bytea;
alter table account add column secondary_created_at bigint;
-- What its ip_list says, at hand with each log-in.
alter table account add column networks text;
-- SHA-256 of the Auth Token that the setting gave it last: a setting is applied once.
alter table account add column configured_token_hash bytea;
create index account_by_parent on account (parent_sid, created_at, sid);

create table api_key (
  sid text primary key,
  account_sid text not null,
  friendly_name text not null,
  kind text not null,
  secret_hash bytea not null,
  policy text,
  revision bigint not null,
  created_at bigint not null,
  updated_at bigint not null
);
create index api_key_by_account on api_key (account_sid, created_at, sid);

create table ip_list (
  sid text primary key,
  account_sid text not null,
  friendly_name text not null,
  cidr text not null,
  created_at bigint not null,
  updated_at bigint not null
);
create index ip_list_by_account on ip_list (account_sid, created_at, sid);

-- Append-only. A change writes its row in its own transaction; the sealer numbers and chains it later.
create table audit_event (
  sid text primary key,
  account_sid text not null,
  actor_sid text not null,
  actor_type text not null,
  event_type text not null,
  resource_type text not null,
  resource_sid text not null,
  data text not null,
  source text not null,
  source_ip text not null,
  created_at bigint not null,
  row_mac bytea not null,
  n bigint,
  mac bytea
);
create index audit_event_by_account on audit_event (account_sid, created_at, sid);
create index audit_event_by_actor on audit_event (account_sid, actor_sid, created_at, sid);
-- From where somebody logged in last.
create index audit_event_login on audit_event (actor_sid, created_at) where event_type = 'login.accepted';
create index audit_event_unsealed on audit_event (created_at, sid) where n is null;
create unique index audit_event_by_n on audit_event (n) where n is not null;

create table audit_head (
  id bigint primary key,
  n bigint not null,
  mac bytea not null,
  sealed_at bigint not null
);

create table alert (
  sid text primary key,
  account_sid text not null,
  log_level text not null,
  error_code text not null,
  alert_text text not null,
  resource_sid text not null,
  service_sid text,
  request_method text,
  request_url text,
  created_at bigint not null
);
create index alert_by_account on alert (account_sid, created_at, sid);

-- What an attempt costs by the rate table, in millionths of its currency; set once a provider has taken it.
alter table attempt add column price_micros bigint;

-- Folded from attempts and from counters in memory. A day of UTC, counted from 1970; the meter is a channel or `api`.
create table usage_day (
  account_sid text not null,
  meter text not null,
  day bigint not null,
  count bigint not null,
  price_micros bigint not null,
  primary key (account_sid, meter, day)
);

-- `trigger_micros` is the value in millionths. `fired_period` is the last day, month or year that it fired in.
create table usage_trigger (
  sid text primary key,
  account_sid text not null,
  friendly_name text not null,
  usage_category text not null,
  trigger_by text not null,
  trigger_micros bigint not null,
  recurring text not null,
  callback_url text not null,
  callback_method text not null,
  fired_period text,
  fired_at bigint,
  created_at bigint not null,
  updated_at bigint not null
);
create index usage_trigger_by_account on usage_trigger (account_sid, created_at, sid);

-- A signed callback on its way; its own queue entry while `due_at` is set, as an attempt is.
create table webhook_delivery (
  sid text primary key,
  account_sid text not null,
  url text not null,
  method text not null,
  form text not null,
  status text not null,
  detail text,
  due_at bigint,
  tries bigint not null,
  expires_at bigint not null,
  created_at bigint not null,
  updated_at bigint not null
);
create index webhook_delivery_due on webhook_delivery (due_at) where due_at is not null;

create table caller_id (
  sid text primary key,
  account_sid text not null,
  phone_number text not null,
  friendly_name text not null,
  created_at bigint not null,
  updated_at bigint not null
);
create unique index caller_id_by_number on caller_id (account_sid, phone_number);
create index caller_id_by_account on caller_id (account_sid, created_at, sid);

-- A number that somebody says is theirs, until the code that was sent to it is told back.
create table caller_id_request (
  account_sid text not null,
  phone_number text not null,
  friendly_name text not null,
  verification_sid text not null,
  expires_at bigint not null,
  primary key (account_sid, phone_number)
);

-- The service by which Countersign itself verifies.
create table own_service (
  id bigint primary key,
  service_sid text not null
);

-- Somebody who wants an account, until both codes are told back.
create table sign_up_request (
  sid text primary key,
  email text not null,
  email_key text not null,
  phone_number text not null,
  email_verification_sid text not null,
  phone_verification_sid text not null,
  email_verified bigint not null,
  phone_verified bigint not null,
  expires_at bigint not null
);
create index sign_up_request_by_age on sign_up_request (expires_at);

-- Who opened an account: one trial a mailbox and a number.
create table sign_up (
  account_sid text primary key,
  email text not null,
  email_key text not null,
  phone_number text not null,
  created_at bigint not null
);
create unique index sign_up_by_email on sign_up (email_key);
create unique index sign_up_by_number on sign_up (phone_number);

-- The processes that serve: which master keys each holds, and which it seals with. Rows of the dead are old.
create table node (
  id text primary key,
  host text not null,
  key_ids text not null,
  active_key_id text not null,
  seen_at bigint not null
);
