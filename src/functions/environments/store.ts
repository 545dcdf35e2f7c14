import { keyset, type PageRequest } from '../../storage/keyset.ts'
import { type Read, sql, type Tx, where } from '../../storage/storage.ts'
import type { FunctionService } from '../services/service.ts'
import type { Environment } from './environment.ts'

interface Row {
  sid: string
  account_sid: string
  service_sid: string
  unique_name: string
  domain_suffix: string | null
  label: string
  deployment_sid: string | null
  build_sid: string | null
  revision: number
  created_at: number
  updated_at: number
}

const toEnvironment = (row: Row): Environment => ({
  sid: row.sid,
  accountSid: row.account_sid,
  serviceSid: row.service_sid,
  uniqueName: row.unique_name,
  domainSuffix: row.domain_suffix,
  label: row.label,
  deploymentSid: row.deployment_sid,
  buildSid: row.build_sid,
  revision: row.revision,
  createdAtMs: row.created_at,
  updatedAtMs: row.updated_at,
})

export async function findEnvironment(
  read: Read,
  accountSid: string,
  serviceSid: string,
  sid: string,
): Promise<Environment | undefined> {
  const row = await read.get<Row>`select * from fn_environment
    where sid = ${sid} and account_sid = ${accountSid} and service_sid = ${serviceSid}`
  return row && toEnvironment(row)
}

/** Of any tenant: whoever asks a domain has not logged in. */
export async function findAnyEnvironment(system: Read, sid: string): Promise<Environment | undefined> {
  const row = await system.get<Row>`select * from fn_environment where sid = ${sid}`
  return row && toEnvironment(row)
}

export const findRevision = (system: Read, label: string) =>
  system.get<{
    sid: string
    revision: number
  }>`select sid, revision from fn_environment where label = ${label}`

export async function listEnvironments(
  read: Read,
  accountSid: string,
  serviceSid: string,
  page: PageRequest,
): Promise<Environment[]> {
  const { edge, order } = keyset(page)
  const rows = await read.all<Row>`select * from fn_environment ${where([
    sql`service_sid = ${serviceSid}`,
    sql`account_sid = ${accountSid}`,
    edge,
  ])} ${order} limit ${page.limit}`
  return rows.map(toEnvironment)
}

export async function countEnvironments(read: Read, accountSid: string, serviceSid: string): Promise<number> {
  const row = await read.get<{ count: number }>`select count(*) as count from fn_environment
    where service_sid = ${serviceSid} and account_sid = ${accountSid}`
  return row?.count ?? 0
}

/** Whether a build runs somewhere. */
export async function isDeployed(read: Read, accountSid: string, buildSid: string): Promise<boolean> {
  const row = await read.get<{ sid: string }>`select sid from fn_environment
    where build_sid = ${buildSid} and account_sid = ${accountSid} limit 1`
  return row !== undefined
}

/** Inserts nothing where its name or its domain is taken. */
export const insertEnvironment = (tx: Tx, e: Environment) =>
  tx.run`insert into fn_environment (sid, account_sid, service_sid, unique_name, domain_suffix, label, revision,
      created_at, updated_at)
    values (${e.sid}, ${e.accountSid}, ${e.serviceSid}, ${e.uniqueName}, ${e.domainSuffix}, ${e.label}, ${e.revision},
      ${e.createdAtMs}, ${e.updatedAtMs})
    on conflict do nothing`

/** Says that what runs there has changed. Until the unit ends nobody else changes it. 0 where it is gone. */
export const touchEnvironment = (tx: Tx, e: Environment, nowMs: number) =>
  tx.run`update fn_environment set revision = revision + 1, updated_at = ${nowMs}
    where sid = ${e.sid} and account_sid = ${e.accountSid}`

/** As `touchEnvironment`, of all of a service. Resolves to their sids. */
export async function touchEnvironments(tx: Tx, { sid, accountSid }: FunctionService): Promise<string[]> {
  const rows = await tx.all<{ sid: string }>`update fn_environment set revision = revision + 1
    where service_sid = ${sid} and account_sid = ${accountSid} returning sid`
  return rows.map(({ sid }) => sid)
}

/** Puts another build in the place of what runs there, or none. 0 where the environment is gone. */
export const switchBuild = (
  tx: Tx,
  e: Environment,
  deploymentSid: string | null,
  buildSid: string | null,
  nowMs: number,
) =>
  tx.run`update fn_environment set deployment_sid = ${deploymentSid}, build_sid = ${buildSid},
      revision = revision + 1, updated_at = ${nowMs}
    where sid = ${e.sid} and account_sid = ${e.accountSid}`

/** With its variables and deployments. 0 where it is gone. */
export async function deleteEnvironment(
  tx: Tx,
  { sid, accountSid }: Pick<Environment, 'sid' | 'accountSid'>,
): Promise<number> {
  await tx.run`delete from fn_variable where environment_sid = ${sid} and account_sid = ${accountSid}`
  await tx.run`delete from fn_deployment where environment_sid = ${sid} and account_sid = ${accountSid}`
  return tx.run`delete from fn_environment where sid = ${sid} and account_sid = ${accountSid}`
}

/** As `deleteEnvironment`, all of a service. Resolves to their sids. */
export async function deleteEnvironments(tx: Tx, { sid, accountSid }: FunctionService): Promise<string[]> {
  const rows = await tx.all<{ sid: string }>`select sid from fn_environment
    where service_sid = ${sid} and account_sid = ${accountSid} order by sid`
  for (const row of rows) await deleteEnvironment(tx, { sid: row.sid, accountSid })
  return rows.map((row) => row.sid)
}
