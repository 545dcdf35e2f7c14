-- Messages of programs and of people, and the numbers by which people write.

-- `settings` is JSON: what is called when somebody writes. A number is one account's.
create table incoming_number (
  sid text primary key,
  account_sid text not null,
  phone_number text not null,
  friendly_name text not null,
  settings text not null,
  created_at bigint not null,
  updated_at bigint not null
);
create unique index incoming_number_by_number on incoming_number (phone_number);
create index incoming_number_by_account on incoming_number (account_sid, created_at, sid);

-- One that has to be sent, or answered, is its own queue entry, as an attempt is. `callback` is JSON, null for nobody.
create table message (
  placement bigint not null,
  sid text not null,
  account_sid text not null,
  direction text not null,
  sender text not null,
  recipient text not null,
  body bytea,
  segments bigint not null,
  status text not null,
  error_code text,
  provider text,
  price_micros bigint,
  callback text,
  queue text,
  due_at bigint,
  tries bigint not null,
  expires_at bigint not null,
  sent_at bigint,
  created_at bigint not null,
  updated_at bigint not null,
  primary key (placement, sid)
);
create index message_due on message (queue, due_at) where due_at is not null;
create index message_by_account on message (account_sid, created_at, sid);
-- The filter by To, and the virtual phone of one recipient.
create index message_by_recipient on message (account_sid, recipient, created_at, sid);

-- Parts of a long message of which others are still to come: they may come over several connections, to several nodes.
-- The row of number 0 holds nothing: who takes it joins what is there.
create table message_part (
  sid text primary key,
  joint text not null,
  n bigint not null,
  account_sid text not null,
  content bytea,
  created_at bigint not null
);
create unique index message_part_by_joint on message_part (joint, n);
