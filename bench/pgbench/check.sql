-- The statements of a check as the server sends them, with values of the same sizes.
\set n :n + 1
\set id :base + :client_id * 1000000 + :n
\set now :from + :n
select a.revision as account, s.revision as service from account a
  left join service s on s.sid = 'VAcccccccccccccccccccccccccccccccc' and s.account_sid = a.sid where a.sid = 'ACcccccccccccccccccccccccccccccccc';
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
