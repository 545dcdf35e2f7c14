import { keyset, type PageRequest } from '../../storage/keyset.ts'
import { type Read, sql, type Tx, where } from '../../storage/storage.ts'
import type { SealedVariable } from './variable.ts'

interface Row {
  sid: string
  account_sid: string
  environment_sid: string
  key: string
  value: Uint8Array
  created_at: number
  updated_at: number
}

const toVariable = (row: Row): SealedVariable => ({
  sid: row.sid,
  accountSid: row.account_sid,
  environmentSid: row.environment_sid,
  key: row.key,
  value: row.value,
  createdAtMs: row.created_at,
  updatedAtMs: row.updated_at,
})

export async function findVariable(
  read: Read,
  accountSid: string,
  environmentSid: string,
  sid: string,
): Promise<SealedVariable | undefined> {
  const row = await read.get<Row>`select * from fn_variable
    where sid = ${sid} and account_sid = ${accountSid} and environment_sid = ${environmentSid}`
  return row && toVariable(row)
}

/** The one that has a key. */
export async function findVariableByKey(
  read: Read,
  accountSid: string,
  environmentSid: string,
  key: string,
): Promise<SealedVariable | undefined> {
  const row = await read.get<Row>`select * from fn_variable
    where environment_sid = ${environmentSid} and key = ${key} and account_sid = ${accountSid}`
  return row && toVariable(row)
}

export async function listVariables(
  read: Read,
  accountSid: string,
  environmentSid: string,
  page: PageRequest,
): Promise<SealedVariable[]> {
  const { edge, order } = keyset(page)
  const rows = await read.all<Row>`select * from fn_variable ${where([
    sql`environment_sid = ${environmentSid}`,
    sql`account_sid = ${accountSid}`,
    edge,
  ])} ${order} limit ${page.limit}`
  return rows.map(toVariable)
}

export async function countVariables(
  read: Read,
  accountSid: string,
  environmentSid: string,
): Promise<number> {
  const row = await read.get<{ count: number }>`select count(*) as count from fn_variable
    where environment_sid = ${environmentSid} and account_sid = ${accountSid}`
  return row?.count ?? 0
}

export const insertVariable = (tx: Tx, v: SealedVariable) =>
  tx.run`insert into fn_variable (sid, account_sid, environment_sid, key, value, created_at, updated_at)
    values (${v.sid}, ${v.accountSid}, ${v.environmentSid}, ${v.key}, ${v.value}, ${v.createdAtMs},
      ${v.updatedAtMs})`

export const updateVariable = (tx: Tx, v: SealedVariable) =>
  tx.run`update fn_variable set key = ${v.key}, value = ${v.value}, updated_at = ${v.updatedAtMs}
    where sid = ${v.sid} and account_sid = ${v.accountSid}`

export const deleteVariable = (tx: Tx, { accountSid, sid }: SealedVariable) =>
  tx.run`delete from fn_variable where sid = ${sid} and account_sid = ${accountSid}`
