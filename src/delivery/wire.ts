import type { Static } from 'typebox'
import { isoSeconds, nullable, sid } from '../http/schema.ts'
import { Type } from '../http/type.ts'
import type { Attempt } from '../verify/attempts/attempt.ts'
import type { Handover } from './handover.ts'

/** Beyond the real API: each hand-over of an attempt's message to a provider. */
export const HandoversWire = Type.Object({
  attempt_sid: sid('VL'),
  status: Type.String(),
  handovers: Type.Array(
    Type.Object({
      provider: Type.String(),
      outcome: Type.String(),
      code: nullable(Type.String()),
      detail: nullable(Type.String()),
      message_id: nullable(Type.String()),
      date_created: Type.String(),
    }),
  ),
})

export const toHandoversWire = (
  { sid, status }: Attempt,
  handovers: readonly Handover[],
): Static<typeof HandoversWire> => ({
  attempt_sid: sid,
  status,
  handovers: handovers.map(({ provider, outcome, code, detail, messageId, createdAtMs }) => ({
    provider,
    outcome,
    code,
    detail,
    message_id: messageId,
    date_created: isoSeconds(createdAtMs),
  })),
})
