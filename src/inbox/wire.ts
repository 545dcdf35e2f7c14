import type { Static } from 'typebox'
import { isoSeconds, nullable, optional, pageQuery, sid } from '../http/schema.ts'
import { Type } from '../http/type.ts'
import type { InboxMessage } from './inbox.ts'

export const MessagesQuery = Type.Object({
  To: optional(Type.String()),
  Wait: optional(Type.Integer({ minimum: 0, maximum: 60 })),
  ...pageQuery,
})

export const MessageWire = Type.Object({
  sid: sid('IM'),
  channel: Type.String(),
  to: Type.String(),
  from: nullable(Type.String()),
  subject: nullable(Type.String()),
  body: Type.String(),
  code: nullable(Type.String()),
  verification_sid: nullable(sid('VE')),
  date_created: Type.String(),
})

export function toMessageWire(message: InboxMessage): Static<typeof MessageWire> {
  const { verificationSid, createdAtMs, ...same } = message
  return { ...same, verification_sid: verificationSid, date_created: isoSeconds(createdAtMs) }
}
