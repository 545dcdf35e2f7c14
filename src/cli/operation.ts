import type { OperateInput } from '../operations/operate.ts'
import { Refusal } from '../refusal.ts'
import { ask, askRunning } from './ask.ts'
import { type PrintOptions, print, table } from './print.ts'
import { readConfig, type Shell } from './shell.ts'

/** Of a command that is about one account: the first without it. */
export interface AccountOptions extends PrintOptions {
  account?: string
}

/** A resource as the API shows it. */
export type Shown = Record<string, string | null>

interface Request extends Pick<OperateInput, 'method' | 'path' | 'params'> {
  account?: string | undefined
  form?: Record<string, string | undefined>
}

/** What to give for a parameter that the API calls invalid. */
const ADVICE: Readonly<Record<string, string>> = {
  CallbackUrl: 'give an http or https address that leads to a public network, docs/usage.md',
  Cidr: 'give a network like 198.51.100.0/24 or 2001:db8::/32, or one address',
  Code: 'it is not the code that was told',
  EndDate: 'give a day like 2026-11-20',
  FriendlyName: 'give one line of at most 64 characters',
  PhoneNumber: 'give it with + and country code, like +14155550123',
  StartDate: 'give a day like 2026-11-20',
  TriggerValue: 'give a number above 0, whole unless it is money; +30 is thirty more than now',
  UsageCategory: 'docs/usage.md names the categories; totalprice has no count',
}

/** Does an operation of the API as the operator: by the server that runs, else on its database. Throws as `ask` does. */
export async function operate<T = Shown>(shell: Shell, request: Request): Promise<T> {
  return explainInvalid(ask(await readConfig(shell), 'operate', toInput(request))) as Promise<T>
}

/** The same for what only a server can do. Throws Refusal with `why` where none runs. */
export async function operateRunning(shell: Shell, request: Request, why: string): Promise<Shown> {
  const { dataDir } = await readConfig(shell)
  const running = await explainInvalid(askRunning(dataDir, 'operate', toInput(request)))
  if (!running) throw new Refusal(`no server runs on ${dataDir}: ${why}`)
  return running.result as Shown
}

const toInput = ({ form = {}, ...request }: Request): OperateInput => ({
  ...request,
  form: Object.fromEntries(
    Object.entries(form).filter((field): field is [string, string] => field[1] !== undefined),
  ),
})

async function explainInvalid<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (error) {
    const [, parameter = ''] = /^Invalid parameter: (\w+)$/.exec((error as Error).message) ?? []
    const advice = ADVICE[parameter]
    throw advice === undefined ? error : new Refusal(`${(error as Error).message}: ${advice}`)
  }
}

export interface ListOptions extends AccountOptions {
  limit: number
}

const MAX_PAGE = 1_000

/**
 * Prints a list of the API, newest first, in columns: at most `limit` items, and whether there are more. `columns` has
 * heads and fields, `form` the filters.
 */
export async function printList(
  shell: Shell,
  options: ListOptions,
  {
    path,
    key,
    columns,
    form,
  }: { path: string; key: string; columns: Record<string, string>; form?: Request['form'] },
): Promise<Shown[]> {
  const items: Shown[] = []
  let pageToken: string | undefined
  do {
    const answer = await operate<Record<string, unknown>>(shell, {
      method: 'GET',
      path,
      account: options.account,
      form: {
        ...form,
        PageSize: String(Math.min(options.limit - items.length, MAX_PAGE)),
        PageToken: pageToken,
      },
    })
    items.push(...(answer[key] as Shown[]))
    pageToken = nextToken(answer)
  } while (pageToken !== undefined && items.length < options.limit)
  print(shell, options, items, () =>
    table(
      Object.keys(columns),
      items.map((item) => Object.values(columns).map((field) => item[field] || '-')),
    ),
  )
  if (pageToken !== undefined)
    shell.err(`There are more: --limit ${options.limit * 10} shows ten times as many.`)
  return items
}

/** The two kinds of lists say where the next page is each in its way. */
function nextToken(list: { next_page_uri?: string | null; meta?: { next_page_url: string | null } }) {
  const next = list.meta ? list.meta.next_page_url : list.next_page_uri
  return (next && new URL(next, 'http://localhost').searchParams.get('PageToken')) || undefined
}

/** Deletes one by its sid, and says so. */
export async function remove(
  shell: Shell,
  options: AccountOptions,
  path: string,
  sid: string,
): Promise<number> {
  await operate(shell, {
    method: 'DELETE',
    path: `${path}/:Sid`,
    account: options.account,
    params: { Sid: sid },
  })
  print(shell, options, { sid }, () => [`${sid}  deleted`])
  return 0
}
