import type { Attempt } from '../verify/attempts/attempt.ts'
import { emailMessage } from './channels/email.ts'
import { smsText } from './channels/sms.ts'
import { spokenText } from './channels/voice.ts'
import { whatsappText } from './channels/whatsapp.ts'
import type { Outgoing } from './provider.ts'

/** Writes the message of an attempt. The same attempt and code give the same message at every try. */
export function composeMessage(attempt: Attempt, code: string): Outgoing {
  const { message, channel } = attempt
  const common = {
    accountSid: attempt.accountSid,
    sid: attempt.sid,
    verificationSid: attempt.verificationSid,
    channel,
    to: attempt.recipient,
    code,
    locale: message.locale,
    expiresAtMs: attempt.expiresAtMs,
  }
  const spec = { ...message, code }
  switch (channel) {
    case 'sms':
      return { ...common, body: smsText(spec) }
    case 'whatsapp':
      return { ...common, body: whatsappText(spec) }
    case 'call':
      return {
        ...common,
        body: spokenText(spec),
        ...(message.sendDigits && { sendDigits: message.sendDigits }),
      }
    case 'email': {
      const { subject, text, html } = emailMessage(spec)
      const { from, fromName } = message
      return {
        ...common,
        body: text,
        email: { subject, html, ...(from && { from }), ...(fromName && { fromName }) },
      }
    }
  }
}
