import { audit, type Change, differences } from '../../accounts/audit/audit.ts'
import type { Context } from '../../context.ts'
import type { Caller } from '../../http/caller.ts'
import { fail } from '../../http/errors.ts'
import { newSid } from '../../storage/sid.ts'
import { deleteEnvironments, touchEnvironments } from '../environments/store.ts'
import { forgetEnvironment } from '../forget.ts'
import { checkLimit, MAX_DOMAIN_SUFFIX } from '../limits.ts'
import {
  countServices,
  findService,
  findServiceByName,
  insertService,
  lockService,
  markDeleted,
  updateService,
} from './store.ts'

/** What belongs together: functions, assets, what was built of them, and the environments where that runs. */
export interface FunctionService {
  sid: string
  accountSid: string
  /** Stands for the sid in paths. */
  uniqueName: string
  friendlyName: string
  /** Whether its functions are given the account's sid and token. */
  includeCredentials: boolean
  uiEditable: boolean
  /** What the domains of its environments begin with. */
  domainBase: string
  createdAtMs: number
  updatedAtMs: number
}

export interface ServiceInput {
  FriendlyName?: string
  IncludeCredentials?: boolean
  UiEditable?: boolean
}

/** The label of a domain has at most 63 characters: a dash and four digits, a dash and the suffix are added. */
const MAX_DOMAIN_NAME = 63 - 5 - 1 - MAX_DOMAIN_SUFFIX
/** Of four digits at random: by then they are all but used up. */
const MAX_DRAWS = 100

/** Throws 60200, 20001 for too many, 20409 where the name is taken. */
export async function createService(
  ctx: Context,
  caller: Caller,
  input: ServiceInput & { UniqueName: string; FriendlyName: string },
): Promise<FunctionService> {
  const { accountSid } = caller
  if (isServiceSid(input.UniqueName)) throw fail.invalidParameter('UniqueName')
  const now = ctx.clock.now()
  const service: FunctionService = {
    sid: newSid('ZS', 0, now, ctx.random),
    accountSid,
    uniqueName: input.UniqueName,
    friendlyName: input.FriendlyName,
    includeCredentials: input.IncludeCredentials ?? true,
    uiEditable: input.UiEditable ?? false,
    domainBase: '',
    createdAtMs: now,
    updatedAtMs: now,
  }
  return ctx.storage.write(async (tx) => {
    checkLimit('services', (await countServices(tx, accountSid)) + 1)
    for (let draw = 0; draw < MAX_DRAWS; draw++) {
      const digits = String(ctx.random.int(10_000)).padStart(4, '0')
      const made = { ...service, domainBase: `${domainNameOf(input.UniqueName)}-${digits}` }
      if ((await insertService(tx, made)) === 1) {
        await audit(ctx, tx, caller, changeOf('created', made.sid, shown(made)))
        return made
      }
      if (await findServiceByName(tx, accountSid, made.uniqueName)) break
    }
    throw fail.conflict()
  })
}

/** By its sid or by its unique name. Throws 20404. */
export async function fetchService(
  ctx: Context,
  accountSid: string,
  sidOrName: string,
): Promise<FunctionService> {
  const find = isServiceSid(sidOrName) ? findService : findServiceByName
  const service = await find(ctx.storage.read, accountSid, sidOrName)
  if (!service) throw fail.notFound(`/Services/${sidOrName}`)
  return service
}

/** Throws 20404. */
export async function changeService(
  ctx: Context,
  caller: Caller,
  sidOrName: string,
  input: ServiceInput,
): Promise<FunctionService> {
  const { sid } = await fetchService(ctx, caller.accountSid, sidOrName)
  const { service, touched } = await ctx.storage.write(async (tx) => {
    const before = await lockService(tx, ctx.storage.forUpdate, caller.accountSid, sid)
    if (!before) throw fail.notFound(`/Services/${sidOrName}`)
    const service: FunctionService = {
      ...before,
      friendlyName: input.FriendlyName ?? before.friendlyName,
      includeCredentials: input.IncludeCredentials ?? before.includeCredentials,
      uiEditable: input.UiEditable ?? before.uiEditable,
      updatedAtMs: ctx.clock.now(),
    }
    await updateService(tx, service)
    await audit(ctx, tx, caller, changeOf('updated', sid, differences(shown(before), shown(service))))
    const changesRuns = service.includeCredentials !== before.includeCredentials
    return { service, touched: changesRuns ? await touchEnvironments(tx, service) : [] }
  })
  for (const environmentSid of touched) forgetEnvironment(ctx, environmentSid)
  return service
}

/** Nothing of it runs, and every path below it is 404, from now on; the rest is removed in the background. Throws 20404. */
export async function deleteService(ctx: Context, caller: Caller, sidOrName: string): Promise<void> {
  const service = await fetchService(ctx, caller.accountSid, sidOrName)
  const ended = await ctx.storage.write(async (tx) => {
    if ((await markDeleted(tx, service, ctx.clock.now())) === 0) throw fail.notFound(`/Services/${sidOrName}`)
    await audit(ctx, tx, caller, changeOf('deleted', service.sid, {}))
    return deleteEnvironments(tx, service)
  })
  for (const environmentSid of ended) forgetEnvironment(ctx, environmentSid)
}

const isServiceSid = (text: string) => /^ZS[0-9a-f]{32}$/i.test(text)

/** As much of a name as a domain can hold. */
const domainNameOf = (uniqueName: string) =>
  uniqueName
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_DOMAIN_NAME)
    .replace(/^-|-$/g, '') || 'service'

/** What events tell of it. */
const shown = (s: FunctionService) => ({
  unique_name: s.uniqueName,
  friendly_name: s.friendlyName,
  include_credentials: s.includeCredentials,
  ui_editable: s.uiEditable,
})

const changeOf = (what: string, sid: string, data: Change['data']): Change => ({
  type: `serverless-service.${what}`,
  resource: 'serverless-service',
  sid,
  data,
})
