-- The statements of a create and its delivery as the server sends them, with values of the same sizes.
\set n :n + 1
\set id :base + :client_id * 1000000 + :n
\set now :from + :n
select a.sid, a.revision, null as owner_sid, null as owner, p.sid as parent_sid, p.revision as parent
  from account a left join account p on p.sid = a.parent_sid where a.sid = any('{ACcccccccccccccccccccccccccccccccc,VAcccccccccccccccccccccccccccccccc}'::text[])
union all select k.sid, k.revision, a.sid, a.revision, p.sid, p.revision
  from api_key k join account a on a.sid = k.account_sid left join account p on p.sid = a.parent_sid
  where k.sid = any('{ACcccccccccccccccccccccccccccccccc,VAcccccccccccccccccccccccccccccccc}'::text[])
union all select s.sid, s.revision, null, null, null, null from service s where s.sid = any('{ACcccccccccccccccccccccccccccccccc,VAcccccccccccccccccccccccccccccccc}'::text[]);
with started as (
  insert into verification
    (placement, sid, account_sid, service_sid, slot, recipient, channel, status, open, code, code_version,
      sends, checks, amount, payee, lookup, tags, expires_at, created_at, updated_at)
  values (0, 'VE000' || lpad(to_hex(:now::bigint), 11, '0') || lpad(to_hex(:id::bigint), 18, '0'), 'ACcccccccccccccccccccccccccccccccc', 'VAcccccccccccccccccccccccccccccccc', decode(md5(:id::bigint::text), 'hex'), '+12012201234',
    'sms', 'pending', 1, decode(repeat('5a', 55), 'hex'), 1,
    '[{"timeMs":1790000000000,"channel":"sms","attemptSid":"VL0000192a5d8c1f0123456789abcdef01"}]', 0,
    null, null, null, null, :now::bigint + 600000, :now::bigint, :now::bigint)
  on conflict (placement, slot) where open = 1 do nothing
  returning placement, sid, account_sid, service_sid, recipient, channel, code_version, expires_at, created_at, updated_at
), queued as (
  insert into attempt (placement, sid, account_sid, service_sid, verification_sid, slot, recipient, channel,
    country, message, code_version, status, converted, queue, due_at, tries, expires_at, created_at, updated_at)
  select placement, 'VL000' || lpad(to_hex(:now::bigint), 11, '0') || lpad(to_hex(:id::bigint), 18, '0'), account_sid,
    service_sid, sid, decode(md5((-:id::bigint)::text), 'hex'), recipient, channel, 'US',
    '{"locale":"en","friendlyName":"Countersign","codeLength":6,"doNotShare": false}', code_version, 'queued', 0, channel,
    :now::bigint + 15000, 0, expires_at, created_at, updated_at from started
)
select count(*) as started from started;
begin;
update attempt set
  status = case when status in ('queued', 'sent') and 'delivered' <> 'queued' then 'delivered' else status end,
  error_code = case when status in ('queued', 'sent') then null else error_code end, provider = 'inbox', queue = null, due_at = null, tries = 1,
  updated_at = :now::bigint
  where placement = 0 and sid = 'VL000' || lpad(to_hex(:now::bigint), 11, '0') || lpad(to_hex(:id::bigint), 18, '0') and coalesce(due_at, 0) = :now::bigint + 15000;
insert into handover (placement, attempt_sid, n, account_sid, provider, outcome, code, detail, message_id, created_at)
  values (0, 'VL000' || lpad(to_hex(:now::bigint), 11, '0') || lpad(to_hex(:id::bigint), 18, '0'), 1, 'ACcccccccccccccccccccccccccccccccc', 'inbox', 'delivered', null, null,
    'IM000' || lpad(to_hex(:now::bigint), 11, '0') || lpad(to_hex(:id::bigint), 18, '0'), :now::bigint)
  on conflict (placement, attempt_sid, n) do nothing;
insert into inbox_message (placement, sid, account_sid, verification_sid, channel, content, created_at)
  values (0, 'IM000' || lpad(to_hex(:now::bigint), 11, '0') || lpad(to_hex(:id::bigint), 18, '0'), 'ACcccccccccccccccccccccccccccccccc', 'VE000' || lpad(to_hex(:now::bigint), 11, '0') || lpad(to_hex(:id::bigint), 18, '0'),
    'sms', decode(repeat('5a', 190), 'hex'), :now::bigint)
  on conflict (placement, sid) do nothing;
commit;
