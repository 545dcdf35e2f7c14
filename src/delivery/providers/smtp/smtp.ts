import type { Readable } from 'node:stream'
import type { SendMailOptions } from 'nodemailer'
import { parseAddress } from '../../channels/address.ts'
import type { Health, Outgoing, Provider, ProviderWorld, SendResult } from '../../provider.ts'
import { isAccountFailure, isMessageFailure, readFailure, type SmtpError } from './failure.ts'
import type { SmtpOptions } from './options.ts'

/**
 * A mail server, over SMTP. Connects at the first message. SMTP has no receipts: `accepted` means that the next
 * server took the message. The options are those that `findFault` found right.
 */
export function openSmtp(id: string, options: SmtpOptions, world: ProviderWorld): Provider {
  const sender = normalize(options.from)
  const replyTo = options.reply_to === undefined ? undefined : normalize(options.reply_to)
  // Beside each mail under way one that waits for its turn, unless the rate is lower than that.
  const atOnce = 2 * Math.min(options.max_connections, options.rate_per_s ?? options.max_connections)
  const underWay = new Set<Promise<SendResult>>()
  let transport: ReturnType<typeof openTransport> | undefined
  let isClosing = false
  let health: Health = { state: 'up', sinceMs: world.clock.now() }

  function report(state: Health['state'], detail?: string) {
    if (state === health.state && detail === health.detail) return
    if (state === 'up') world.log.info({ provider: id }, 'mail server answers again')
    else world.log.warn({ provider: id, state, detail }, 'mail server is in trouble')
    const sinceMs = state === health.state ? health.sinceMs : world.clock.now()
    health = { state, sinceMs, ...(detail && { detail }) }
  }

  async function send(message: Outgoing, signal: AbortSignal): Promise<SendResult> {
    if (signal.aborted) return { outcome: 'untried', code: 'aborted' }
    if (world.clock.now() >= message.expiresAtMs)
      return { outcome: 'rejected', kind: 'content', code: 'expired' }
    const to = parseAddress(message.to)?.address
    if (!to) return { outcome: 'rejected', kind: 'bad_number', code: 'address' }
    const from = message.email?.from === undefined ? sender : parseAddress(message.email.from)?.address
    if (!from) return { outcome: 'rejected', kind: 'config', code: 'from' }

    transport ??= openTransport(options)
    const opened = await transport
    const messageId = `${message.sid}@${sender.slice(sender.lastIndexOf('@') + 1)}`
    const watched: Watched = {}
    const mail: WatchedMail = {
      // Both as objects, since nodemailer reads a string as a list; the envelope is what the server acts on.
      envelope: { from, to: [to] },
      from: { name: message.email?.fromName ?? options.from_name ?? '', address: from },
      to: { name: '', address: to },
      ...(replyTo && { replyTo: { name: '', address: replyTo } }),
      subject: message.email?.subject ?? '',
      text: message.body,
      ...(message.email && { html: message.email.html }),
      date: new Date(world.clock.now()),
      messageId: `<${messageId}>`,
      headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
      signal,
      watched,
    }
    try {
      await opened.sendMail(mail)
      report('up')
      return { outcome: 'accepted', messageId }
    } catch (thrown) {
      const error = thrown as SmtpError
      const bodyLeft = watched.body?.readableDidRead ?? false
      const secrets = [message.code, to, options.auth?.password, options.auth?.user]
      const result = readFailure(error, bodyLeft, (text) => redact(text, secrets))
      if (isMessageFailure(error)) report('up')
      else report(isAccountFailure(error) ? 'down' : 'degraded', result.code)
      return result
    }
  }

  return {
    id,
    hasReceipts: false,
    capacity: () => atOnce - underWay.size,
    send(message, signal) {
      if (isClosing) return Promise.resolve({ outcome: 'untried', code: 'closing' })
      const sending = send(message, signal).finally(() => underWay.delete(sending))
      underWay.add(sending)
      return sending
    },
    health: () => health,
    async close() {
      isClosing = true
      await Promise.allSettled(underWay)
      const opened = await transport
      opened?.close()
    },
  }
}

/** The message as it goes to the server: nothing reads it before the server said it may come. */
interface Watched {
  body?: Readable
}
type WatchedMail = SendMailOptions & { watched: Watched }

export async function openTransport(options: SmtpOptions) {
  // Loaded at the first message: most servers never send one by SMTP.
  const { createTransport } = await import('nodemailer')
  const transport = createTransport({
    pool: true,
    host: options.host,
    port: options.port,
    secure: options.tls === 'implicit',
    requireTLS: options.tls === 'starttls',
    ignoreTLS: options.tls === 'none',
    tls: { ca: options.tls_ca, servername: options.tls_server_name },
    ...(options.auth && { auth: { user: options.auth.user, pass: options.auth.password } }),
    ...(options.dkim && {
      dkim: {
        domainName: options.dkim.domain,
        keySelector: options.dkim.selector,
        privateKey: options.dkim.key,
      },
    }),
    maxConnections: options.max_connections,
    maxMessages: options.max_messages,
    // Applies only while nothing of the message was sent: servers close idle connections as we take them up.
    maxRequeues: 1,
    rateLimit: options.rate_per_s,
    dnsTimeout: options.connection_timeout_ms,
    connectionTimeout: options.connection_timeout_ms,
    greetingTimeout: options.greeting_timeout_ms,
    socketTimeout: options.socket_timeout_ms,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  transport.use('stream', ({ message, data }, done) => {
    const open = message.createReadStream.bind(message)
    message.createReadStream = (streamOptions) => {
      const { watched } = data as WatchedMail
      watched.body = open(streamOptions)
      return watched.body
    }
    done()
  })
  return transport
}

const normalize = (address: string) => parseAddress(address)?.address ?? address

/** Servers quote what they were sent; nobody should read a code, an address or a password in our log. */
export function redact(text: string, secrets: readonly (string | undefined)[]): string {
  return secrets.reduce<string>((rest, secret) => (secret ? rest.replaceAll(secret, '•••') : rest), text)
}
