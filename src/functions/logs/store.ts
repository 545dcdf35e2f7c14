import { keyset, type PageRequest } from '../../storage/keyset.ts'
import { sidPlacement } from '../../storage/sid.ts'
import { type Read, sql, type Tx, where } from '../../storage/storage.ts'
import type { LogLine } from './log.ts'

interface Row {
  sid: string
  account_sid: string
  service_sid: string
  environment_sid: string
  build_sid: string | null
  deployment_sid: string | null
  function_sid: string | null
  request_sid: string
  level: LogLine['level']
  message: string
  created_at: number
}

const toLine = (row: Row): LogLine => ({
  sid: row.sid,
  accountSid: row.account_sid,
  serviceSid: row.service_sid,
  environmentSid: row.environment_sid,
  buildSid: row.build_sid,
  deploymentSid: row.deployment_sid,
  functionSid: row.function_sid,
  requestSid: row.request_sid,
  level: row.level,
  message: row.message,
  createdAtMs: row.created_at,
})

export const insertLine = (tx: Tx, l: LogLine) =>
  tx.run`insert into fn_log (placement, sid, account_sid, service_sid, environment_sid, build_sid, deployment_sid,
      function_sid, request_sid, level, message, created_at)
    values (${sidPlacement(l.sid)}, ${l.sid}, ${l.accountSid}, ${l.serviceSid}, ${l.environmentSid}, ${l.buildSid},
      ${l.deploymentSid}, ${l.functionSid}, ${l.requestSid}, ${l.level}, ${l.message}, ${l.createdAtMs})`

export async function findLine(
  read: Read,
  accountSid: string,
  environmentSid: string,
  sid: string,
): Promise<LogLine | undefined> {
  const row = await read.get<Row>`select * from fn_log where placement = ${sidPlacement(sid)} and sid = ${sid}
    and account_sid = ${accountSid} and environment_sid = ${environmentSid}`
  return row && toLine(row)
}

export interface LogFilter {
  functionSid?: string | undefined
  startMs?: number | undefined
  endMs?: number | undefined
}

export async function listLines(
  read: Read,
  accountSid: string,
  environmentSid: string,
  { functionSid, startMs, endMs }: LogFilter,
  page: PageRequest,
): Promise<LogLine[]> {
  const { edge, order } = keyset(page)
  const rows = await read.all<Row>`select * from fn_log ${where([
    sql`environment_sid = ${environmentSid}`,
    sql`account_sid = ${accountSid}`,
    functionSid === undefined ? undefined : sql`function_sid = ${functionSid}`,
    startMs === undefined ? undefined : sql`created_at >= ${startMs}`,
    endMs === undefined ? undefined : sql`created_at <= ${endMs}`,
    edge,
  ])} ${order} limit ${page.limit}`
  return rows.map(toLine)
}
