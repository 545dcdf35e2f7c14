import type { Context } from '../../context.ts'
import type { Channel } from '../../delivery/provider.ts'
import { fail } from '../../http/errors.ts'
import { isSid } from '../../storage/sid.ts'
import type { Tx } from '../../storage/storage.ts'
import { convertAttempt } from '../attempts/store.ts'
import { fetchService, type Service } from '../services/service.ts'
import { type LineType, parseAnyRecipient, type Recipient } from './recipient.ts'
import { findBySid, findOpen, settleVerification, takeOpen } from './store.ts'

export interface Send {
  timeMs: number
  channel: Channel
  attemptSid: string
}

export interface Verification {
  sid: string
  placement: number
  accountSid: string
  serviceSid: string
  /** Holds the recipient while `open`: one verification at a time. */
  slot: Uint8Array
  recipient: string
  channel: Channel
  status: 'pending' | 'approved' | 'canceled' | 'max_attempts_reached' | 'expired'
  open: boolean
  /** Sealed; erased with every final status. */
  code: Uint8Array | null
  /** Counts the codes it has had: a queued message of an older one is not sent any more. */
  codeVersion: number
  sends: Send[]
  checks: number
  amount: string | null
  payee: string | null
  /** What a look-up of the number said; null where the service makes none. */
  lookup: { type: LineType | null } | null
  tags: Record<string, string> | null
  expiresAtMs: number
  createdAtMs: number
  updatedAtMs: number
}

/** Where the rows about one recipient lie, and the key of its slot in one service. */
export interface Place {
  placement: number
  slot: Uint8Array
}

/** Of a `requester` within the service, where there are such: each then has a slot of its own per recipient. */
export function placeOf(ctx: Context, service: Service, recipientKey: string, requester?: string): Place {
  const owner = [service.accountSid, service.sid, ...(requester === undefined ? [] : [requester])]
  return {
    placement: ctx.placementOf(service.accountSid, recipientKey),
    slot: ctx.hash('slot', ...owner, recipientKey).subarray(0, 16),
  }
}

/** Names the queue of the requests that decide upon one recipient. */
export const laneOf = ({ slot }: Place) => Buffer.from(slot).toString('latin1')

/** How a request names a verification: by its sid, by whom it was sent to, or by both. */
export interface Name {
  sid?: string | undefined
  recipient?: Recipient | undefined
}

/** Where the named verification is to be looked for. */
export interface Location extends Place {
  sid: string | undefined
}

/** Undefined when nothing can be there. */
export async function locate(
  ctx: Context,
  service: Service,
  { sid, recipient }: Name,
): Promise<Location | undefined> {
  const place = recipient && placeOf(ctx, service, recipient.key)
  if (sid === undefined) return place && { ...place, sid }
  const found = await findBySid(ctx.storage.read, service, sid)
  if (!found || (place && !Buffer.from(place.slot).equals(found.slot))) return undefined
  return { placement: found.placement, slot: found.slot, sid }
}

/** The `{Sid}` of a path: a sid, or the recipient itself. What is neither names nothing. */
const nameOf = async (segment: string): Promise<Name> =>
  isSid(segment) ? { sid: segment } : { recipient: await parseAnyRecipient(segment) }

/** Whether it still holds its recipient: pending, or out of guesses, until it expires. */
export const isLive = (v: Verification, nowMs: number) => v.open && nowMs < v.expiresAtMs

const isWanted = (v: Verification | undefined, at: Location, nowMs: number): v is Verification =>
  v !== undefined && isLive(v, nowMs) && (at.sid === undefined || at.sid === v.sid)

/** The live verification at a location. */
export async function findLive(ctx: Context, service: Service, at: Location) {
  const v = await findOpen(ctx.storage.read, at, service)
  return isWanted(v, at, ctx.clock.now()) ? v : undefined
}

/** The same, its row taken until the unit ends. */
export async function takeLive(ctx: Context, tx: Tx, service: Service, at: Location) {
  const v = await takeOpen(tx, at, service, ctx.storage.forUpdate)
  return isWanted(v, at, ctx.clock.now()) ? v : undefined
}

const pathOf = (serviceSid: string, segment: string) => `/Services/${serviceSid}/Verifications/${segment}`

/** Throws 20404 for one that is finished, expired, of another service, or was never there. */
export async function fetchVerification(
  ctx: Context,
  accountSid: string,
  serviceSid: string,
  segment: string,
) {
  const path = pathOf(serviceSid, segment)
  const service = await fetchService(ctx, accountSid, serviceSid, path)
  const at = await locate(ctx, service, await nameOf(segment))
  const v = at && (await findLive(ctx, service, at))
  if (!v) throw fail.notFound(path)
  return v
}

/**
 * Ends a verification by the caller's word. Throws 20404 as fetch does, and for the approval of one that has no
 * guesses left; its cancellation frees the recipient.
 */
export async function updateVerification(
  ctx: Context,
  accountSid: string,
  serviceSid: string,
  segment: string,
  status: 'approved' | 'canceled',
): Promise<Verification> {
  const path = pathOf(serviceSid, segment)
  const service = await fetchService(ctx, accountSid, serviceSid, path)
  const at = await locate(ctx, service, await nameOf(segment))
  if (!at) throw fail.notFound(path)
  return ctx.lanes.update(laneOf(at), async (lane) => {
    const ended = await ctx.storage.write(async (tx) => {
      const v = await takeLive(ctx, tx, service, at)
      if (!v || (v.status !== 'pending' && status === 'approved')) throw fail.notFound(path)
      return endVerification(ctx, tx, v, status)
    })
    lane.exhausted = undefined
    return ended
  })
}

export const asEnded = (ctx: Context, v: Verification, status: 'approved' | 'canceled' | 'expired') =>
  ({ ...v, status, open: false, code: null, updatedAtMs: ctx.clock.now() }) satisfies Verification

/** Writes a final status: frees the slot, erases the code; an approval converts the newest send. */
export async function endVerification(
  ctx: Context,
  tx: Tx,
  v: Verification,
  status: 'approved' | 'canceled' | 'expired',
): Promise<Verification> {
  const ended = asEnded(ctx, v, status)
  const newest = v.sends.at(-1)
  await Promise.all([
    settleVerification(tx, ended),
    status === 'approved' && newest
      ? convertAttempt(tx, v.accountSid, newest.attemptSid, ended.updatedAtMs)
      : null,
  ])
  return ended
}
