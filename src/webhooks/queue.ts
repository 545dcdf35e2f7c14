import { type Account, openAuthToken } from '../accounts/accounts/account.ts'
import { findAccount } from '../accounts/accounts/store.ts'
import type { Context } from '../context.ts'
import { labelOf } from '../functions/hosts.ts'
import { RowQueue } from '../row-queue.ts'
import { newSid } from '../storage/sid.ts'
import type { Tx } from '../storage/storage.ts'
import { type AddressPolicy, makeAddressPolicy } from './address.ts'
import { type Called, callOut, type Outward, type Resolve, resolveHost } from './call.ts'
import { parseDestination } from './destination.ts'
import { type Parameters, signCallback } from './signature.ts'
import { type Delivery, insertDelivery, lease, listDue, updateTry } from './store.ts'

/** Longer than a call may take. */
const LEASE_MS = 15_000
const MAX_UNDER_WAY = 50
/** So that receivers that never answer hold up nobody else's callbacks. */
const MAX_OF_ACCOUNT = 5
const BACKOFF_MS = 5_000
const MAX_BACKOFF_MS = 3_600_000
/** A receiver that is away over a night still gets its callback. */
const LIFE_MS = 86_400_000
/** "HTTP retrieval failure", in the API's numbering. */
const RETRIEVAL_FAILURE = '11200'

/**
 * Sends signed callbacks to the addresses of customers: what did not answer with success is called again, for a day.
 */
export class WebhookQueue {
  readonly policy: AddressPolicy
  readonly #ctx: Context
  readonly #resolve: Resolve
  readonly #queue: RowQueue<Delivery>

  constructor(ctx: Context, withLoopback: boolean, resolve: Resolve = resolveHost) {
    this.#ctx = ctx
    this.#resolve = resolve
    this.policy = makeAddressPolicy(ctx.config.allowPrivateCallbacks, withLoopback)
    const { clock, storage } = ctx
    this.#queue = new RowQueue(ctx, {
      name: 'callback',
      maxUnderWay: MAX_UNDER_WAY,
      maxOfAccount: MAX_OF_ACCOUNT,
      listDue: (limit) => listDue(storage.system, clock.now(), limit),
      async take(delivery) {
        const dueAtMs = clock.now() + LEASE_MS
        const taken = await storage.system.write((tx) => lease(tx, delivery, dueAtMs))
        return taken === 1 ? { ...delivery, dueAtMs } : undefined
      },
      process: (delivery) => this.#deliver(delivery),
    })
  }

  /** Queues a callback in the unit of what it tells of. */
  async add(
    tx: Tx,
    callback: { accountSid: string; url: string; method: Delivery['method']; form: Parameters },
  ): Promise<void> {
    const now = this.#ctx.clock.now()
    await insertDelivery(tx, {
      ...callback,
      sid: newSid('WD', 0, now, this.#ctx.random),
      status: 'queued',
      detail: null,
      dueAtMs: now,
      tries: 0,
      expiresAtMs: now + LIFE_MS,
      createdAtMs: now,
      updatedAtMs: now,
    })
  }

  /** One signed call, at once, beside the queue. Undefined where the account is not active. */
  async call(
    { accountSid, url: text, method, form }: Pick<Delivery, 'accountSid' | 'url' | 'method' | 'form'>,
    more: Pick<Outward, 'keepsAnswer' | 'timeoutMs'> = {},
  ): Promise<Called | undefined> {
    const account = await this.#findActive(accountSid)
    if (!account) return undefined
    // As the rules are now, which need not be those of the day it was given.
    const url = parseDestination(text, this.policy)
    if (!url) return { outcome: 'failed', reason: 'refused', cause: 'not an address to be called' }
    const token = openAuthToken(this.#ctx, account.sid, account.authToken)
    // What is below the domains of Functions is this server, whatever DNS says.
    const isOwn = labelOf(this.#ctx.config, url.host) !== undefined
    return callOut(
      { ...compose(method, url, form, token), ...more },
      {
        policy: this.policy,
        clock: this.#ctx.clock,
        resolve: this.#resolve,
        connectSelf: isOwn ? () => this.#ctx.functions.egress.connect(url.protocol === 'https:') : undefined,
      },
    )
  }

  /** Begins to look for what is due. */
  start(): void {
    this.#queue.start()
  }

  /** Takes no more; resolves when what is under way has ended. */
  close(): Promise<void> {
    return this.#queue.close()
  }

  /** Resolves when no sweep runs and no call is under way here. */
  drained(): Promise<void> {
    return this.#queue.drained()
  }

  async #deliver(delivery: Delivery): Promise<void> {
    const { storage, clock, log } = this.#ctx
    const startedAtMs = clock.now()
    const called = await this.call(delivery).catch(notCalled)
    const now = clock.now()
    const isDelivered = called?.outcome === 'answered' && called.status >= 200 && called.status < 300
    const detail = isDelivered ? null : tell(called)
    const dueAtMs = now + this.#backoffMs(delivery.tries)
    const isOver = isDelivered || !called || dueAtMs >= delivery.expiresAtMs
    const next: Delivery = {
      ...delivery,
      status: isDelivered ? 'delivered' : isOver ? 'failed' : 'queued',
      detail,
      dueAtMs: isOver ? null : dueAtMs,
      tries: delivery.tries + 1,
      updatedAtMs: now,
    }
    log.info(
      {
        account_sid: delivery.accountSid,
        delivery_sid: delivery.sid,
        status: next.status,
        detail,
        ...(called?.outcome === 'failed' && { cause: called.cause }),
        ms: now - startedAtMs,
      },
      'callback',
    )
    await storage.system.write((tx) => updateTry(tx, next, delivery.dueAtMs))
    // The first time: whoever owns the receiver need not be told at each try.
    if (called && !isDelivered && delivery.tries === 0) this.#alert(delivery, detail ?? '')
  }

  #alert({ accountSid, sid, method, url }: Delivery, detail: string): void {
    this.#ctx.alerts.raise({
      accountSid,
      resourceSid: sid,
      errorCode: RETRIEVAL_FAILURE,
      text: `The callback was not taken (${detail}); it will be tried again for a day`,
      requestMethod: method,
      // Its path and query may hold a secret of the receiver's.
      requestUrl: new URL(url).origin,
    })
  }

  /** Undefined also where the parent is not active: then nothing of the account is. */
  async #findActive(sid: string): Promise<Account | undefined> {
    const { read } = this.#ctx.storage.system
    const account = await findAccount(read, sid)
    const parent = account?.parentSid ? await findAccount(read, account.parentSid) : account
    return account?.status === 'active' && parent?.status === 'active' ? account : undefined
  }

  #backoffMs(tries: number): number {
    const jitter = 0.5 + this.#ctx.random.int(1000) / 1000
    return Math.round(Math.min(MAX_BACKOFF_MS, BACKOFF_MS * 2 ** tries) * jitter)
  }
}

/** The receiver was not asked, for a reason of this server's: it counts as a try like any other, or it would have no end. */
const notCalled = (error: Error): Called => ({
  outcome: 'failed',
  reason: 'not called',
  cause: error.message,
})

/** What is kept of a failure; undefined is a call that was not made. */
function tell(called: Called | undefined): string {
  if (!called) return 'account not active'
  return called.outcome === 'answered' ? `HTTP ${called.status}` : called.reason
}

function compose(method: Delivery['method'], url: URL, form: Parameters, authToken: string): Outward {
  const encoded = new URLSearchParams(form).toString()
  const headers = { 'user-agent': 'Countersign', accept: '*/*' }
  if (method === 'GET') {
    url.search += `${url.search === '' ? '?' : '&'}${encoded}`
    return { method, url, headers: { ...headers, 'x-twilio-signature': signCallback(authToken, url, {}) } }
  }
  return {
    method,
    url,
    headers: {
      ...headers,
      'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
      'x-twilio-signature': signCallback(authToken, url, form),
    },
    body: encoded,
  }
}
