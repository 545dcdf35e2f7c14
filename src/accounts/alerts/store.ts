import { keyset, type PageRequest } from '../../storage/keyset.ts'
import { pruneTable } from '../../storage/retention.ts'
import { sidFloor } from '../../storage/sid.ts'
import { type Read, type Storage, sql, type Tx, where } from '../../storage/storage.ts'
import type { Alert } from './alert.ts'

interface Row {
  sid: string
  account_sid: string
  log_level: Alert['logLevel']
  error_code: string
  alert_text: string
  resource_sid: string
  service_sid: string | null
  request_method: Alert['requestMethod']
  request_url: string | null
  created_at: number
}

const toAlert = (row: Row): Alert => ({
  sid: row.sid,
  accountSid: row.account_sid,
  logLevel: row.log_level,
  errorCode: row.error_code,
  text: row.alert_text,
  resourceSid: row.resource_sid,
  serviceSid: row.service_sid,
  requestMethod: row.request_method,
  requestUrl: row.request_url,
  createdAtMs: row.created_at,
})

export const insertAlert = (tx: Tx, a: Alert) =>
  tx.run`insert into alert (sid, account_sid, log_level, error_code, alert_text, resource_sid, service_sid,
      request_method, request_url, created_at)
    values (${a.sid}, ${a.accountSid}, ${a.logLevel}, ${a.errorCode}, ${a.text}, ${a.resourceSid}, ${a.serviceSid},
      ${a.requestMethod}, ${a.requestUrl}, ${a.createdAtMs})`

export async function findAlert(read: Read, accountSid: string, sid: string): Promise<Alert | undefined> {
  const row = await read.get<Row>`select * from alert where sid = ${sid} and account_sid = ${accountSid}`
  return row && toAlert(row)
}

export async function listAlerts(
  read: Read,
  accountSid: string,
  filter: { logLevel?: string | undefined; startMs?: number | undefined; endMs?: number | undefined },
  page: PageRequest,
): Promise<Alert[]> {
  const { edge, order } = keyset(page)
  const rows = await read.all<Row>`select * from alert ${where([
    sql`account_sid = ${accountSid}`,
    filter.logLevel === undefined ? undefined : sql`log_level = ${filter.logLevel}`,
    filter.startMs === undefined ? undefined : sql`created_at >= ${filter.startMs}`,
    filter.endMs === undefined ? undefined : sql`created_at <= ${filter.endMs}`,
    edge,
  ])} ${order} limit ${page.limit}`
  return rows.map(toAlert)
}

/** Deletes alerts that are older. */
export const pruneAlerts = ({ system }: Storage, beforeMs: number) =>
  pruneTable(system, sql`alert`, sidFloor('NO', 0, beforeMs))
