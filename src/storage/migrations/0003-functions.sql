-- Functions: what was uploaded, what was built of it, where it runs, and what it said.

create table fn_service (
  sid text primary key,
  account_sid text not null,
  unique_name text not null,
  friendly_name text not null,
  include_credentials bigint not null,
  ui_editable bigint not null,
  -- The name and four digits: what all of its domains begin with.
  domain_base text not null,
  created_at bigint not null,
  updated_at bigint not null,
  -- From then on every path below it is 404; what it had is removed in bites, and the row last.
  deleted_at bigint
);
create unique index fn_service_by_name on fn_service (account_sid, unique_name) where deleted_at is null;
create index fn_service_deleted on fn_service (deleted_at) where deleted_at is not null;
create unique index fn_service_by_domain on fn_service (domain_base);
create index fn_service_by_account on fn_service (account_sid, created_at, sid);

-- `label` is the first part of its domain. `revision` counts what changes an invocation: deployments, variables and
-- whether the service includes its credentials.
create table fn_environment (
  sid text primary key,
  account_sid text not null,
  service_sid text not null,
  unique_name text not null,
  domain_suffix text,
  label text not null,
  deployment_sid text,
  build_sid text,
  revision bigint not null,
  created_at bigint not null,
  updated_at bigint not null
);
create unique index fn_environment_by_name on fn_environment (service_sid, unique_name);
create unique index fn_environment_by_label on fn_environment (label);
create index fn_environment_by_service on fn_environment (service_sid, created_at, sid);
-- A build that runs somewhere is not to be deleted.
create index fn_environment_by_build on fn_environment (build_sid) where build_sid is not null;

create table fn_variable (
  sid text primary key,
  account_sid text not null,
  environment_sid text not null,
  key text not null,
  value bytea not null,
  created_at bigint not null,
  updated_at bigint not null
);
create unique index fn_variable_by_key on fn_variable (environment_sid, key);
create index fn_variable_by_environment on fn_variable (environment_sid, created_at, sid);

-- A function or an asset; `kind` says which.
create table fn_resource (
  sid text primary key,
  account_sid text not null,
  service_sid text not null,
  kind text not null,
  friendly_name text not null,
  created_at bigint not null,
  updated_at bigint not null
);
create index fn_resource_by_service on fn_resource (service_sid, kind, created_at, sid);

create table fn_version (
  sid text primary key,
  account_sid text not null,
  service_sid text not null,
  resource_sid text not null,
  kind text not null,
  path text not null,
  visibility text not null,
  content_type text not null,
  -- SHA-256 of its content, in hexadecimal digits.
  hash text not null,
  size bigint not null,
  created_at bigint not null
);
create index fn_version_by_resource on fn_version (resource_sid, created_at, sid);
create index fn_version_by_content on fn_version (account_sid, hash);
create index fn_version_by_service on fn_version (service_sid);

create table fn_blob (
  account_sid text not null,
  hash text not null,
  content bytea not null,
  primary key (account_sid, hash)
);

-- Its own queue entry while `due_at` is set. `lock` is what npm made of the dependencies: with it every node installs
-- the same. `reason` tells why it failed.
create table fn_build (
  sid text primary key,
  account_sid text not null,
  service_sid text not null,
  status text not null,
  reason text,
  dependencies text not null,
  runtime text not null,
  lock text,
  due_at bigint,
  created_at bigint not null,
  updated_at bigint not null
);
create index fn_build_by_service on fn_build (service_sid, created_at, sid);
create index fn_build_due on fn_build (due_at) where due_at is not null;

create table fn_build_item (
  account_sid text not null,
  build_sid text not null,
  version_sid text not null,
  primary key (build_sid, version_sid)
);
create index fn_build_item_by_version on fn_build_item (version_sid);

-- Without a build it took away what ran there.
create table fn_deployment (
  sid text primary key,
  account_sid text not null,
  service_sid text not null,
  environment_sid text not null,
  build_sid text,
  created_at bigint not null
);
create index fn_deployment_by_environment on fn_deployment (environment_sid, created_at, sid);

create table fn_log (
  placement bigint not null,
  sid text not null,
  account_sid text not null,
  service_sid text not null,
  environment_sid text not null,
  build_sid text,
  deployment_sid text,
  function_sid text,
  request_sid text not null,
  level text not null,
  message text not null,
  created_at bigint not null,
  primary key (placement, sid)
);
create index fn_log_by_environment on fn_log (environment_sid, created_at, sid);
