-- SHA-256 of Auth Tokens that gave way to another: a setting that still names one does not bring it back.
create table replaced_token (
  account_sid text not null,
  token_hash bytea not null,
  primary key (account_sid, token_hash)
);
