import type { Context } from '../../../context.ts'
import { operation } from '../../../http/operation.ts'
import { list2010, readPage2010 } from '../../../http/paging-2010.ts'
import { listTriggers } from './store.ts'
import {
  changeTrigger,
  createTrigger,
  fetchTrigger,
  readValueMicros,
  readValuesMicros,
  removeTrigger,
  type Trigger,
} from './trigger.ts'
import { CreateBody, ListQuery, TriggerWire, toTriggerWire, triggersPath, UpdateBody } from './wire.ts'

const PATH = '/2010-04-01/Accounts/:AccountSid/Usage/Triggers'
const INSTANCE = `${PATH}/:Sid` as const
const KEY = 'usage_triggers'
const may = (action: string) => ({ permission: `/twilio/usage/triggers/${action}` })

const show = async (ctx: Context, trigger: Trigger) =>
  toTriggerWire(trigger, await readValueMicros(ctx, trigger))

export const triggerOperations = [
  operation({
    method: 'POST',
    path: PATH,
    ...may('create'),
    input: CreateBody,
    status: 201,
    reply: TriggerWire,
    handle: async (ctx, { caller, input }) => show(ctx, await createTrigger(ctx, caller, input)),
  }),
  operation({
    method: 'GET',
    path: PATH,
    ...may('list'),
    input: ListQuery,
    status: 200,
    reply: list2010(KEY, TriggerWire),
    handle: async (ctx, { caller: { accountSid }, input }) => {
      const { Recurring: recurring, TriggerBy: by, UsageCategory: category } = input
      const filters = { Recurring: recurring, TriggerBy: by, UsageCategory: category }
      const page = await readPage2010(
        input,
        { path: `${triggersPath(accountSid)}.json`, key: KEY, filters },
        (page) => listTriggers(ctx.storage.read, accountSid, { recurring, by, category }, page),
        (trigger) => trigger,
      )
      const triggers = page[KEY] as Trigger[]
      const values = await readValuesMicros(ctx, accountSid, triggers)
      return { ...page, [KEY]: triggers.map((trigger, i) => toTriggerWire(trigger, values[i] ?? 0)) }
    },
  }),
  operation({
    method: 'GET',
    path: INSTANCE,
    ...may('read'),
    status: 200,
    reply: TriggerWire,
    handle: async (ctx, { caller, params }) =>
      show(ctx, await fetchTrigger(ctx, caller.accountSid, params.Sid)),
  }),
  operation({
    method: 'POST',
    path: INSTANCE,
    ...may('update'),
    input: UpdateBody,
    status: 200,
    reply: TriggerWire,
    handle: async (ctx, { caller, params, input }) =>
      show(ctx, await changeTrigger(ctx, caller, params.Sid, input)),
  }),
  operation({
    method: 'DELETE',
    path: INSTANCE,
    ...may('delete'),
    status: 204,
    reply: null,
    handle: (ctx, { caller, params }) => removeTrigger(ctx, caller, params.Sid),
  }),
]
