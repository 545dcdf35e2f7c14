import type { Read, Tx } from '../../storage/storage.ts'
import type { SignUpRequest } from './sign-up.ts'

interface Row {
  sid: string
  email: string
  email_key: string
  phone_number: string
  email_verification_sid: string
  phone_verification_sid: string
  email_verified: number
  phone_verified: number
  expires_at: number
}

export const insertRequest = (tx: Tx, r: SignUpRequest) =>
  tx.run`insert into sign_up_request (sid, email, email_key, phone_number, email_verification_sid,
      phone_verification_sid, email_verified, phone_verified, expires_at)
    values (${r.sid}, ${r.email}, ${r.emailKey}, ${r.phoneNumber}, ${r.verificationSid.email},
      ${r.verificationSid.phone}, 0, 0, ${r.expiresAtMs})`

export async function findRequest(read: Read, sid: string): Promise<SignUpRequest | undefined> {
  const row = await read.get<Row>`select * from sign_up_request where sid = ${sid}`
  return (
    row && {
      sid: row.sid,
      email: row.email,
      emailKey: row.email_key,
      phoneNumber: row.phone_number,
      verificationSid: { email: row.email_verification_sid, phone: row.phone_verification_sid },
      verified: { email: row.email_verified === 1, phone: row.phone_verified === 1 },
      expiresAtMs: row.expires_at,
    }
  )
}

export const markEmailVerified = (tx: Tx, sid: string) =>
  tx.run`update sign_up_request set email_verified = 1 where sid = ${sid}`

export const markPhoneVerified = (tx: Tx, sid: string) =>
  tx.run`update sign_up_request set phone_verified = 1 where sid = ${sid}`

export const deleteRequest = (tx: Tx, sid: string) => tx.run`delete from sign_up_request where sid = ${sid}`

export const deleteExpiredRequests = (tx: Tx, nowMs: number) =>
  tx.run`delete from sign_up_request where expires_at <= ${nowMs}`

/** Changes nothing if the mailbox or the number has an account already. */
export const insertSignUp = (tx: Tx, r: SignUpRequest, accountSid: string, nowMs: number) =>
  tx.run`insert into sign_up (account_sid, email, email_key, phone_number, created_at)
    values (${accountSid}, ${r.email}, ${r.emailKey}, ${r.phoneNumber}, ${nowMs})
    on conflict do nothing`

/** Whether an account was opened with this mailbox. */
export async function isOwnMailbox(read: Read, accountSid: string, emailKey: string): Promise<boolean> {
  const row = await read.get`
    select account_sid from sign_up where account_sid = ${accountSid} and email_key = ${emailKey}`
  return row !== undefined
}
