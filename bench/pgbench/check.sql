-- The statements of a check as the server sends them, with values of the same sizes.
\set n :n + 1
\set id :base + :client_id * 1000000 + :n
\set now :from + :n
select a.sid, a.revision, null as owner_sid, null as owner, p.sid as parent_sid, p.revision as parent
  from account a left join account p on p.sid = a.parent_sid where a.sid = any('{ACcccccccccccccccccccccccccccccccc,VAcccccccccccccccccccccccccccccccc}'::text[])
union all select k.sid, k.revision, a.sid, a.revision, p.sid, p.revision
  from api_key k join account a on a.sid = k.account_sid left join account p on p.sid = a.parent_sid
  where k.sid = any('{ACcccccccccccccccccccccccccccccccc,VAcccccccccccccccccccccccccccccccc}'::text[])
union all select s.sid, s.revision, null, null, null, null from service s where s.sid = any('{ACcccccccccccccccccccccccccccccccc,VAcccccccccccccccccccccccccccccccc}'::text[]);
select * from verification where placement = 0 and slot = decode(md5(:id::bigint::text), 'hex') and open = 1
  and account_sid = 'ACcccccccccccccccccccccccccccccccc';
with approved as (
  update verification set status = 'approved', open = 0, code = null, updated_at = :now::bigint
  where placement = 0 and sid = 'VE000' || lpad(to_hex(:now::bigint), 11, '0') || lpad(to_hex(:id::bigint), 18, '0') and account_sid = 'ACcccccccccccccccccccccccccccccccc'
    and open <> 0 and checks = 0 and code = decode(repeat('5a', 55), 'hex')
    and sends = '[{"timeMs":1790000000000,"channel":"sms","attemptSid":"VL0000192a5d8c1f0123456789abcdef01"}]'
  returning placement, account_sid, updated_at
), converted as (
  update attempt set converted = 1, updated_at = approved.updated_at from approved
  where attempt.placement = approved.placement and attempt.sid = 'VL000' || lpad(to_hex(:now::bigint), 11, '0') || lpad(to_hex(:id::bigint), 18, '0')
    and attempt.account_sid = approved.account_sid
)
select count(*) as approved from approved;
