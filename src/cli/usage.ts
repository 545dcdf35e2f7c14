import { type AccountOptions, type ListOptions, operate, printList, remove } from './operation.ts'
import { print } from './print.ts'
import type { Shell } from './shell.ts'

const USAGE = '/2010-04-01/Accounts/:AccountSid/Usage'
const TRIGGERS = `${USAGE}/Triggers`

interface RecordOptions extends ListOptions {
  category?: string
  since?: string
  until?: string
  own?: boolean
}

/** Prints a line a category and span: what was used, and what it cost. */
export async function listUsage(shell: Shell, options: RecordOptions, period: string): Promise<number> {
  const list = period.replace(/(^|-)[a-z]/g, (letter) => letter.slice(-1).toUpperCase())
  const { category, since, until, own } = options
  const records = await printList(shell, options, {
    path: `${USAGE}/Records/${list}`,
    key: 'usage_records',
    columns: {
      FROM: 'start_date',
      TO: 'end_date',
      CATEGORY: 'category',
      USAGE: 'usage',
      UNIT: 'usage_unit',
      PRICE: 'price',
      CURRENCY: 'price_unit',
    },
    form: {
      Category: category,
      StartDate: since,
      EndDate: until,
      IncludeSubaccounts: own ? 'false' : undefined,
    },
  })
  if (records.length === 0) shell.err('There is nothing: docs/usage.md names the categories.')
  return 0
}

/** Prints a line a trigger, newest first. */
export async function listTriggers(shell: Shell, options: ListOptions): Promise<number> {
  await printList(shell, options, {
    path: TRIGGERS,
    key: 'usage_triggers',
    columns: {
      SID: 'sid',
      CATEGORY: 'usage_category',
      BY: 'trigger_by',
      VALUE: 'trigger_value',
      NOW: 'current_value',
      RECURRING: 'recurring',
      FIRED: 'date_fired',
      NAME: 'friendly_name',
    },
  })
  return 0
}

/** Makes one and prints its sid. */
export async function createTrigger(
  shell: Shell,
  options: AccountOptions & { by?: string; recurring?: string; method?: string; name?: string },
  category: string,
  value: string,
  callbackUrl: string,
): Promise<number> {
  const made = await operate(shell, {
    method: 'POST',
    path: TRIGGERS,
    account: options.account,
    form: {
      UsageCategory: category,
      TriggerValue: value,
      CallbackUrl: callbackUrl,
      TriggerBy: options.by,
      Recurring: options.recurring,
      CallbackMethod: options.method,
      FriendlyName: options.name,
    },
  })
  print(shell, options, made, ({ sid }) => [String(sid)])
  return 0
}

export const deleteTrigger = (shell: Shell, options: AccountOptions, sid: string) =>
  remove(shell, options, TRIGGERS, sid)
