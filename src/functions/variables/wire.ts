import type { Static } from 'typebox'
import { isoSeconds, optional, pageQuery, sid } from '../../http/schema.ts'
import { Type } from '../../http/type.ts'
import { MAX_VARIABLE_KEY } from '../limits.ts'
import { common } from '../services/wire.ts'
import type { Variable } from './variable.ts'

// What the environment of a process can hold.
const key = Type.String({ maxLength: MAX_VARIABLE_KEY, pattern: '^[^=]+$' })

export const CreateBody = Type.Object({ Key: key, Value: Type.String() })
export const UpdateBody = Type.Object({ Key: optional(key), Value: optional(Type.String()) })
export const ListQuery = Type.Object(pageQuery)

export const VariableWire = Type.Object({
  sid: sid('ZV'),
  account_sid: sid('AC'),
  service_sid: sid('ZS'),
  environment_sid: sid('ZE'),
  key: Type.String(),
  value: Type.String(),
  ...common,
})

/** `list` is the address of the environment's variables. */
export const toVariableWire = (
  v: Variable,
  serviceSid: string,
  list: string,
): Static<typeof VariableWire> => ({
  sid: v.sid,
  account_sid: v.accountSid,
  service_sid: serviceSid,
  environment_sid: v.environmentSid,
  key: v.key,
  value: v.value,
  date_created: isoSeconds(v.createdAtMs),
  date_updated: isoSeconds(v.updatedAtMs),
  url: `${list}/${v.sid}`,
})
