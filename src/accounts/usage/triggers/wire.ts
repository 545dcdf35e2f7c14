import type { Static } from 'typebox'
import { fromMicros } from '../../../delivery/rates.ts'
import { rfc2822 } from '../../../http/paging-2010.ts'
import { friendlyName, nullable, oneOf, optional, pageQuery, sid } from '../../../http/schema.ts'
import { Type } from '../../../http/type.ts'
import { recordsPath } from '../wire.ts'
import type { Trigger } from './trigger.ts'

const method = oneOf(['GET', 'POST'])
const field = oneOf(['count', 'usage', 'price'])
const recurring = oneOf(['daily', 'monthly', 'yearly', 'alltime'])
const url = Type.String({ maxLength: 2048 })

export const CreateBody = Type.Object({
  CallbackUrl: url,
  TriggerValue: Type.String(),
  UsageCategory: Type.String(),
  CallbackMethod: optional(method),
  FriendlyName: optional(friendlyName),
  Recurring: optional(recurring),
  TriggerBy: optional(field),
})
export const UpdateBody = Type.Object({
  CallbackMethod: optional(method),
  CallbackUrl: optional(url),
  FriendlyName: optional(friendlyName),
})
export const ListQuery = Type.Object({
  Recurring: optional(recurring),
  TriggerBy: optional(field),
  UsageCategory: optional(Type.String()),
  ...pageQuery,
})

export const TriggerWire = Type.Object({
  account_sid: sid('AC'),
  api_version: Type.String(),
  callback_method: Type.String(),
  callback_url: Type.String(),
  current_value: Type.String(),
  date_created: Type.String(),
  date_fired: nullable(Type.String()),
  date_updated: Type.String(),
  friendly_name: Type.String(),
  recurring: Type.String(),
  sid: sid('UT'),
  trigger_by: Type.String(),
  trigger_value: Type.String(),
  uri: Type.String(),
  usage_category: Type.String(),
  usage_record_uri: Type.String(),
})

export const triggersPath = (accountSid: string) => `/2010-04-01/Accounts/${accountSid}/Usage/Triggers`

export const usageRecordUri = ({ accountSid, category }: Pick<Trigger, 'accountSid' | 'category'>) =>
  `${recordsPath(accountSid)}?Category=${category}`

export function toTriggerWire(trigger: Trigger, currentMicros: number): Static<typeof TriggerWire> {
  return {
    account_sid: trigger.accountSid,
    api_version: '2010-04-01',
    callback_method: trigger.callbackMethod,
    callback_url: trigger.callbackUrl,
    current_value: fromMicros(currentMicros),
    date_created: rfc2822(trigger.createdAtMs),
    date_fired: trigger.firedAtMs === null ? null : rfc2822(trigger.firedAtMs),
    date_updated: rfc2822(trigger.updatedAtMs),
    friendly_name: trigger.friendlyName,
    recurring: trigger.recurring,
    sid: trigger.sid,
    trigger_by: trigger.by,
    trigger_value: fromMicros(trigger.valueMicros),
    uri: `${triggersPath(trigger.accountSid)}/${trigger.sid}.json`,
    usage_category: trigger.category,
    usage_record_uri: usageRecordUri(trigger),
  }
}
