import type { Health, Provider, ProviderWorld, SendResult } from '../../provider.ts'
import { compose } from './compose.ts'
import { createDispatch } from './dispatch.ts'
import { readIncoming } from './incoming.ts'
import { openLink } from './link.ts'
import type { SmppOptions } from './options.ts'
import { createPace } from './pace.ts'
import { decodeMessage, decodeMessageId, type Message, type Pdu } from './pdu.ts'
import { answerId, readReceipt } from './receipt.ts'
import { rolesOf, type Session } from './session.ts'
import { isThrottling, refusal, STATUS } from './status.ts'

const MAX_PARTS_REMEMBERED = 10_000

/**
 * An account with an SMSC, over SMPP 3.4; connects at once and keeps connecting until closed. A long message is
 * known by its last part's id: it can only be complete once that arrived.
 */
export function openSmpp(id: string, options: SmppOptions, world: ProviderWorld): Provider {
  const { clock, log } = world
  const pace = createPace(clock, options.throughput_per_s)
  const links = Array.from({ length: options.sessions }, () => rolesOf(options))
    .flat()
    .map((role) => openLink(options, role, world, { message: takeMessage, room, changed }))
  const senders = links.filter((link) => link.role !== 'receiver')
  const bound = (): Session[] =>
    senders.map((link) => link.session()).filter((session) => session !== undefined)
  const dispatch = createDispatch(options, clock, pace, bound)
  const underWay = new Set<Promise<SendResult>>()
  const wholeOfPart = new Map<string, string>()
  let reference = world.random.int(0x10000)
  let isClosing = false
  let state: Health['state'] = 'down'
  let sinceMs = clock.now()

  function room() {
    dispatch.pump()
  }

  function changed() {
    const all = links.every((link) => link.session())
    const now = all ? 'up' : bound().length > 0 ? 'degraded' : 'down'
    if (now !== state) {
      state = now
      sinceMs = clock.now()
    }
    dispatch.pump()
  }

  async function takeMessage(pdu: Pdu): Promise<number> {
    const message = decodeMessage(pdu.command, pdu.body)
    const receipt = message && readReceipt(message, options.message_id_type)
    if (!receipt) return takeIncoming(message)
    const whole = wholeOfPart.get(receipt.messageId)
    if (whole && (receipt.state === 'sent' || receipt.state === 'delivered')) return STATUS.ok
    return store(() => world.receipt({ providerId: id, ...receipt, messageId: whole ?? receipt.messageId }))
  }

  async function takeIncoming(message: Message | undefined): Promise<number> {
    const incoming = message && readIncoming(message, options.default_alphabet)
    // Answered with "ok" all the same: an SMSC that hears "no" sends it again and holds the others back.
    if (!incoming) {
      log.warn({ provider: id, malformed: !message }, 'SMPP message is neither a receipt nor a text')
      return STATUS.ok
    }
    return store(() => world.incoming({ providerId: id, ...incoming }))
  }

  async function store(keep: () => Promise<void>): Promise<number> {
    try {
      await keep()
      return STATUS.ok
    } catch {
      return STATUS.tryAgain
    }
  }

  /** Receipts of the earlier parts count only if they say that the whole cannot have arrived. */
  function remember(parts: string[], whole: string) {
    for (const part of parts) wholeOfPart.set(part, whole)
    for (const part of wholeOfPart.keys()) {
      if (wholeOfPart.size <= MAX_PARTS_REMEMBERED) return
      wholeOfPart.delete(part)
    }
  }

  async function submit(draft: Parameters<typeof dispatch.submit>[0], to: Sending): Promise<SendResult> {
    const answer = await dispatch.submit(draft, to.expiresAtMs, to.signal)
    switch (answer) {
      case 'expired':
        return { outcome: 'rejected', kind: 'content', code: answer }
      case 'timeout':
      case 'connection_lost':
        return { outcome: 'unknown', code: answer }
      case 'not_connected':
        return { outcome: 'busy', code: answer }
      case 'no_room':
      case 'queue_full':
      case 'aborted':
        return { outcome: 'untried', code: answer }
    }
    if (isThrottling(answer.status)) pace.slowDown()
    if (answer.status !== STATUS.ok) return refusal(answer.status, options.vendor_status)
    const messageId = decodeMessageId(answer.body)
    if (messageId === undefined) return { outcome: 'unknown', code: 'malformed_answer' }
    // Some carriers number nothing: the message was taken, but no receipt will ever match.
    if (messageId === '') return { outcome: 'accepted', messageId: `unnumbered-${to.sid}` }
    return { outcome: 'accepted', messageId: answerId(messageId, options.message_id_type) }
  }

  async function sendAll(message: Parameters<Provider['send']>[0], signal: AbortSignal): Promise<SendResult> {
    reference = (reference + 1) & 0xffff
    const composed = compose(message, options, reference)
    if ('outcome' in composed) return composed

    const ids: string[] = []
    // One after the other: a number that is refused is refused once, and nobody gets half a message.
    for (const draft of composed.drafts) {
      const result = await submit(draft, { ...message, signal })
      if (result.outcome === 'accepted') ids.push(result.messageId)
      else if (ids.length === 0) return result
      else return { outcome: 'unknown', code: 'partly_sent', detail: result.code }
    }
    const messageId = ids.pop() as string
    remember(ids, messageId)
    return { outcome: 'accepted', messageId, segments: composed.segments }
  }

  return {
    id,
    hasReceipts: options.registered_delivery === 1,
    capacity: () => (isClosing ? 0 : dispatch.capacity()),
    send(message, signal) {
      if (isClosing) return Promise.resolve({ outcome: 'untried', code: 'closing' })
      const sending = sendAll(message, signal).finally(() => underWay.delete(sending))
      underWay.add(sending)
      return sending
    },
    health() {
      const trouble = links.find((link) => !link.session())?.trouble()
      const isSlow = pace.rate() < options.throughput_per_s
      const detail = trouble ?? (isSlow ? `throttled to ${pace.rate().toFixed(1)}/s` : undefined)
      return { state, sinceMs, ...(detail && { detail }) }
    },
    async close() {
      isClosing = true
      await Promise.all(underWay)
      await Promise.all(links.map((link) => link.close()))
    },
  }
}

interface Sending {
  sid: string
  expiresAtMs: number
  signal: AbortSignal
}
