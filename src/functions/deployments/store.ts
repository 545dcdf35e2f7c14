import { keyset, type PageRequest } from '../../storage/keyset.ts'
import { type Read, sql, type Tx, where } from '../../storage/storage.ts'
import type { Deployment } from './deployment.ts'

interface Row {
  sid: string
  account_sid: string
  service_sid: string
  environment_sid: string
  build_sid: string | null
  created_at: number
}

const toDeployment = (row: Row): Deployment => ({
  sid: row.sid,
  accountSid: row.account_sid,
  serviceSid: row.service_sid,
  environmentSid: row.environment_sid,
  buildSid: row.build_sid,
  createdAtMs: row.created_at,
})

export async function findDeployment(
  read: Read,
  accountSid: string,
  environmentSid: string,
  sid: string,
): Promise<Deployment | undefined> {
  const row = await read.get<Row>`select * from fn_deployment
    where sid = ${sid} and account_sid = ${accountSid} and environment_sid = ${environmentSid}`
  return row && toDeployment(row)
}

export async function listDeployments(
  read: Read,
  accountSid: string,
  environmentSid: string,
  page: PageRequest,
): Promise<Deployment[]> {
  const { edge, order } = keyset(page)
  const rows = await read.all<Row>`select * from fn_deployment ${where([
    sql`environment_sid = ${environmentSid}`,
    sql`account_sid = ${accountSid}`,
    edge,
  ])} ${order} limit ${page.limit}`
  return rows.map(toDeployment)
}

export const insertDeployment = (tx: Tx, d: Deployment) =>
  tx.run`insert into fn_deployment (sid, account_sid, service_sid, environment_sid, build_sid, created_at)
    values (${d.sid}, ${d.accountSid}, ${d.serviceSid}, ${d.environmentSid}, ${d.buildSid}, ${d.createdAtMs})`
