import { type NetworkSet, networkSet, normalizeNetwork } from '../../addresses.ts'
import type { Context } from '../../context.ts'
import type { Caller } from '../../http/caller.ts'
import { fail } from '../../http/errors.ts'
import { newSid } from '../../storage/sid.ts'
import type { Tx } from '../../storage/storage.ts'
import type { Account } from '../accounts/account.ts'
import { touchAccount, updateNetworks } from '../accounts/store.ts'
import { audit, type Change, differences } from '../audit/audit.ts'
import { deleteEntries, deleteEntry, findEntry, insertEntry, listNetworks, updateEntry } from './store.ts'

/** One network from which an account may be used. */
export interface IpAccessList {
  sid: string
  accountSid: string
  friendlyName: string
  cidr: string
  createdAtMs: number
  updatedAtMs: number
}

export interface IpListInput {
  FriendlyName?: string
  Cidr?: string
  /** Also where the caller's own address is not in the lists afterwards. */
  Force?: boolean
}

const MAX_ENTRIES = 100

const sets = new WeakMap<Account, NetworkSet>()

/** Whether an account may be used from an address: from everywhere while it has no list. */
export function admits(account: Account, address: string): boolean {
  if (account.networks.length === 0) return true
  const set = sets.get(account) ?? networkSet(account.networks)
  sets.set(account, set)
  return set.has(address)
}

/** Throws 60200, 20001 for a list without the caller's own address, 20409 for more than 100. */
export async function createIpList(
  ctx: Context,
  caller: Caller,
  input: IpListInput & { Cidr: string },
): Promise<IpAccessList> {
  const now = ctx.clock.now()
  const entry: IpAccessList = {
    sid: newSid('AL', 0, now, ctx.random),
    accountSid: caller.accountSid,
    friendlyName: input.FriendlyName ?? '',
    cidr: checkCidr(input.Cidr),
    createdAtMs: now,
    updatedAtMs: now,
  }
  await change(ctx, caller, input.Force, 'created', entry, shown(entry), (tx) => insertEntry(tx, entry))
  return entry
}

/** Throws 20404. */
export async function fetchIpList(ctx: Context, accountSid: string, sid: string): Promise<IpAccessList> {
  const entry = await findEntry(ctx.storage.read, accountSid, sid)
  if (!entry) throw notFound(sid)
  return entry
}

/** Throws as create does, and 20404. */
export async function changeIpList(
  ctx: Context,
  caller: Caller,
  sid: string,
  input: IpListInput,
): Promise<IpAccessList> {
  const before = await fetchIpList(ctx, caller.accountSid, sid)
  const entry: IpAccessList = {
    ...before,
    friendlyName: input.FriendlyName ?? before.friendlyName,
    cidr: input.Cidr === undefined ? before.cidr : checkCidr(input.Cidr),
    updatedAtMs: ctx.clock.now(),
  }
  const data = differences(shown(before), shown(entry))
  await change(ctx, caller, input.Force, 'updated', entry, data, (tx) => updateEntry(tx, entry))
  return entry
}

/** Without its last entry the account may be used from everywhere again. Throws 20001, 20404. */
export async function removeIpList(
  ctx: Context,
  caller: Caller,
  sid: string,
  force: boolean | undefined,
): Promise<void> {
  const entry = await fetchIpList(ctx, caller.accountSid, sid)
  await change(ctx, caller, force, 'deleted', entry, {}, (tx) => deleteEntry(tx, caller.accountSid, sid))
}

/** For the operator, whose account nobody can reach any more: it may be used from everywhere again. */
export async function clearIpLists(ctx: Context, caller: Caller): Promise<void> {
  const { accountSid } = caller
  await ctx.storage.system.write(async (tx) => {
    await touchAccount(tx, accountSid, ctx.clock.now())
    for (const sid of await deleteEntries(tx, accountSid)) {
      await audit(ctx, tx, caller, {
        type: 'ip-access-list.deleted',
        resource: 'ip-access-list',
        sid,
        data: {},
      })
    }
    await updateNetworks(tx, accountSid, [])
  })
  ctx.known.forgetAccount(accountSid)
}

/** A change of the entries, and with it of the account's revision: all nodes know it at their next request. */
async function change(
  ctx: Context,
  caller: Caller,
  force: boolean | undefined,
  what: 'created' | 'updated' | 'deleted',
  { sid, accountSid }: IpAccessList,
  data: Change['data'],
  write: (tx: Tx) => Promise<number>,
): Promise<void> {
  await ctx.storage.system.write(async (tx) => {
    // First of all, so that changes of one account's lists come one after the other.
    await touchAccount(tx, accountSid, ctx.clock.now())
    if ((await write(tx)) === 0) throw notFound(sid)
    const networks = await listNetworks(tx, accountSid)
    if (networks.length > MAX_ENTRIES) throw fail.conflict()
    if (!force && wouldLockOut(caller, networks)) {
      throw fail.invalidRequest(
        `The lists would not contain your own address, ${caller.sourceIp}: repeat with Force=true${
          what === 'deleted' ? ' in the query' : ''
        } if that is meant`,
      )
    }
    await updateNetworks(tx, accountSid, networks)
    await audit(ctx, tx, caller, {
      type: `ip-access-list.${what}`,
      resource: 'ip-access-list',
      sid,
      data,
    })
  })
  ctx.known.forgetAccount(accountSid)
}

/** What events tell of an entry. */
const shown = ({ friendlyName, cidr }: IpAccessList) => ({ friendly_name: friendlyName, cidr })

const wouldLockOut = ({ actorType, sourceIp }: Caller, networks: readonly string[]) =>
  actorType !== 'operator' && networks.length > 0 && !networkSet(networks).has(sourceIp)

function checkCidr(cidr: string): string {
  const network = normalizeNetwork(cidr)
  if (network === undefined) throw fail.invalidParameter('Cidr')
  return network
}

const notFound = (sid: string) => fail.notFound(`/IpAccessLists/${sid}`)
