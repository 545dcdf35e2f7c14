import type { SendResult } from '../../provider.ts'

/** What nodemailer throws: its own code, the system's, and the server's reply if there was one. */
export interface SmtpError extends Error {
  code?: string
  originalCode?: string
  responseCode?: number
  response?: string
  command?: string
}

type Kind = Extract<SendResult, { outcome: 'rejected' }>['kind']

/** Servers that do not know a sender yet refuse it at first; most take it after a minute. */
const GREYLISTED_RETRY_MS = 60_000

const DETAIL_LENGTH = 200

/**
 * What a failed hand-over means. A server's reply decides; without one, whether any of the message had left.
 * `redact` takes out of the server's words what must not be seen.
 */
export function readFailure(
  error: SmtpError,
  bodyLeft: boolean,
  redact: (text: string) => string,
): Exclude<SendResult, { outcome: 'accepted' }> {
  const reply = readReply(error)
  if (isCredentialFailure(error) && isAccountFailure(error)) {
    // Without detail: what a server says of a log-in may repeat it, in base64.
    return { outcome: 'rejected', kind: 'config', code: reply?.code ?? 'auth' }
  }
  if (reply) {
    const detail = redact(reply.text)
      .replace(/\p{C}+/gu, ' ')
      .trim()
      .slice(0, DETAIL_LENGTH)
    const said = { code: reply.code, ...(detail && { detail }) }
    if (reply.status >= 500) return { outcome: 'rejected', kind: refusalKind(reply, error.command), ...said }
    const isGreylisted = reply.status === 450 || reply.status === 451
    return { outcome: 'busy', ...said, ...(isGreylisted && { retryAfterMs: GREYLISTED_RETRY_MS }) }
  }
  if (isTlsFailure(error)) return { outcome: 'rejected', kind: 'config', code: error.originalCode ?? 'tls' }
  const code =
    error.code === 'EABORT' ? 'aborted' : (error.originalCode ?? error.code ?? 'failed').toLowerCase()
  return { outcome: bodyLeft ? 'unknown' : 'busy', code }
}

/** True if the server refused this message and would go on with another. */
export function isMessageFailure({ code }: SmtpError): boolean {
  return code === 'EENVELOPE' || code === 'EMESSAGE'
}

/** True if the fault is with the account or the connection's settings, so every other message fails as well. */
export function isAccountFailure(error: SmtpError): boolean {
  const isTemporary = error.responseCode !== undefined && error.responseCode < 500
  return (isCredentialFailure(error) || isTlsFailure(error)) && !isTemporary
}

interface Reply {
  status: number
  /** RFC 3463, as 5.1.1; not every server gives one. */
  enhanced: string | undefined
  /** Both, for the record. */
  code: string
  text: string
}

function readReply({ response }: SmtpError): Reply | undefined {
  const parts = /^([45]\d\d)(?:[ -](?:([45]\.\d{1,3}\.\d{1,3})\b)?([\s\S]*))?$/.exec(response ?? '')
  if (!parts) return undefined
  const [, status = '', enhanced, text = ''] = parts
  return { status: Number(status), enhanced, code: enhanced ? `${status} ${enhanced}` : status, text }
}

function refusalKind({ status, enhanced = '' }: Reply, command = ''): Kind {
  // 530: log in first. 5.1.7 and 5.1.8 speak of the sender's address, 5.5 of the protocol.
  if (status === 530 || /^5\.(1\.[78]$|5\.)/.test(enhanced)) return 'config'
  // No such mailbox; full or disabled (one digit: Exchange numbers refused senders from 5.2.250); not in UTF-8.
  if (/^5\.(1\.|2\.\d$|6\.7$)/.test(enhanced)) return 'bad_number'
  if (/^5\.(3\.4|6\.)/.test(enhanced)) return 'content'
  if (/^5\.7\./.test(enhanced)) return 'blocked'
  if (status === 554) return 'blocked'
  if (command.startsWith('RCPT')) return [501, 550, 551, 552, 553].includes(status) ? 'bad_number' : 'config'
  if (command.startsWith('DATA')) return status === 550 ? 'blocked' : 'content'
  return 'config'
}

export const isCredentialFailure = ({ code }: SmtpError) => code === 'EAUTH' || code === 'ENOAUTH'

// A certificate that is refused shows as a socket error with OpenSSL's word for it.
const isTlsFailure = ({ code, originalCode = '' }: SmtpError) =>
  code === 'ETLS' || /CERT|SELF_SIGNED|ERR_TLS|ERR_SSL|UNABLE_TO_/.test(originalCode)
