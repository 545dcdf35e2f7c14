import { Argument, type Command, InvalidArgumentError, Option } from 'commander'
import type { Declare } from './declare.ts'

const ofAccount = (command: Command) =>
  command.option('--account <sid>', 'of this account (without it: the first)')

const limited = (command: Command) =>
  command.addOption(
    new Option('--limit <n>', 'print at most so many, the newest').default(1_000).argParser(readLimit),
  )

function readLimit(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a number above 0.')
  return Number(text)
}

const DAY = 'a day like 2026-11-20'

/** Accounts, and what belongs to one of them. */
export function declareAccountCommands(declare: Declare): void {
  declareAccounts(declare)
  declareAccess(declare)
  declareUsage(declare)
}

function declareAccounts({ group, query }: Declare): void {
  const accounts = () => import('./account.ts')
  const account = group('account', 'accounts, of all tenants')
  query(account, 'list', 'print a line an account', async () => (await accounts()).listAccounts)
  query(
    account,
    'create <friendly-name>',
    'make one; print its credentials',
    async () => (await accounts()).createAccount,
  )
    .option('--parent <sid>', 'below this account, which may act for it (without it: below none)')
    .addOption(
      new Option('--trial', 'a trial account: it may send to its verified caller ids only').conflicts(
        'parent',
      ),
    )
  for (const [name, about, next] of [
    ['suspend', 'refuse its requests until it is activated', 'suspended'],
    ['activate', 'end a suspension', 'active'],
    ['close', 'refuse its requests for ever', 'closed'],
  ] as const) {
    query(account, `${name} <sid>`, about, async () => (await accounts()).setAccountStatus(next))
  }
  query(
    account,
    'upgrade <sid>',
    'make a trial account a full one',
    async () => (await accounts()).upgradeAccount,
  )

  const access = group('access', 'the networks that an account may be used from', account)
  limited(query(access, 'list <sid>', 'print a line a network', async () => (await accounts()).listAccess))
  query(
    access,
    'add <sid> <network>',
    'let it be used from there: from its networks only, once it has one',
    async () => (await accounts()).addAccess,
  ).option('--name <friendly-name>', 'what the network is')
  query(
    access,
    'remove <sid> <entry-sid>',
    'take one away: without its last one it may be used from everywhere',
    async () => (await accounts()).removeAccess,
  )
  query(
    access,
    'clear <sid>',
    'remove them all: for an owner who locked himself out',
    async () => (await accounts()).clearAccess,
  )
}

function declareAccess({ group, query }: Declare): void {
  const tokens = () => import('./token.ts')
  const token = group('token', "an account's Auth Token")
  ofAccount(query(token, 'show', 'print account sid and Auth Token', async () => (await tokens()).showToken))
  ofAccount(
    query(
      token,
      'rotate',
      'make a second Auth Token, print it; both work until --finish or --cancel',
      async () => (await tokens()).rotateToken,
    ),
  )
    .option('--finish', 'make the second token the only one: the old one stops at once')
    .addOption(new Option('--cancel', 'remove the second token').conflicts('finish'))

  const keys = () => import('./api-key.ts')
  const apiKey = group('api-key', "an account's API keys")
  const policy = [
    '--policy <policy>',
    'of a restricted key: the name of a ready-made one, or {"allow": [...]}',
  ] as const
  ofAccount(query(apiKey, 'list', 'print a line a key', async () => (await keys()).listApiKeys))
  ofAccount(
    query(
      apiKey,
      'create <friendly-name>',
      'make one; its secret is printed this once',
      async () => (await keys()).createApiKey,
    ),
  )
    .addOption(
      new Option('--kind <kind>', 'what it may do')
        .choices(['main', 'standard', 'restricted'])
        .default('standard'),
    )
    .option(...policy)
  ofAccount(
    query(
      apiKey,
      'update <sid>',
      'give it another name or policy, from the next request on',
      async () => (await keys()).updateApiKey,
    ),
  )
    .option('--name <friendly-name>', 'its new name')
    .option(...policy)
  ofAccount(
    query(apiKey, 'delete <sid>', 'from then on it opens nothing', async () => (await keys()).deleteApiKey),
  )

  const callerIds = () => import('./caller-id.ts')
  const callerId = group('caller-id', "numbers that are proved to be an account's own")
  limited(
    ofAccount(
      query(callerId, 'list', 'print a line a number', async () => (await callerIds()).listCallerIds),
    ),
  )
  ofAccount(
    query(
      callerId,
      'validate <number>',
      'have the number told a code, by a call or else by SMS',
      async () => (await callerIds()).validateCallerId,
    ),
  )
    .option('--name <friendly-name>', 'what it will be called')
    .option('--extension <digits>', 'to dial after pick-up')
  ofAccount(
    query(
      callerId,
      'confirm <number> <code>',
      'prove the number by the code that it was told',
      async () => (await callerIds()).confirmCallerId,
    ),
  )
  ofAccount(
    query(
      callerId,
      'delete <sid>',
      'a trial account can send nothing to it any more',
      async () => (await callerIds()).deleteCallerId,
    ),
  )
}

function declareUsage({ group, query }: Declare): void {
  const usages = () => import('./usage.ts')
  const usage = group('usage', 'what an account used, and what it cost')
  const periods = ['all-time', 'today', 'yesterday', 'this-month', 'last-month', 'daily', 'monthly', 'yearly']
  limited(ofAccount(query(usage, 'list', 'print a line a category', async () => (await usages()).listUsage)))
    .addArgument(new Argument('[period]', 'of which time').choices(periods).default('all-time'))
    .option('--category <category>', 'of this one only: sms, calls, verify-email, totalprice …')
    .option('--since <date>', `from then on: ${DAY}, or -30days from today`)
    .option('--until <date>', `up to then: ${DAY}, or -1day from today`)
    .option('--own', 'without its subaccounts')

  const trigger = group('trigger', 'callbacks that tell when it is too much', usage)
  limited(
    ofAccount(query(trigger, 'list', 'print a line a trigger', async () => (await usages()).listTriggers)),
  )
  ofAccount(
    query(
      trigger,
      'create <category> <value> <callback-url>',
      'make one, which calls the address once that much was used; print its sid',
      async () => (await usages()).createTrigger,
    ),
  )
    .addOption(
      new Option('--by <what>', 'what the value is of').choices(['usage', 'count', 'price']).default('usage'),
    )
    .addOption(
      new Option('--recurring <how>', 'once in each, or once ever')
        .choices(['daily', 'monthly', 'yearly', 'alltime'])
        .default('alltime'),
    )
    .addOption(new Option('--method <method>', 'of the callback').choices(['POST', 'GET']).default('POST'))
    .option('--name <friendly-name>', 'what it is called')
  ofAccount(
    query(
      trigger,
      'delete <sid>',
      'from then on it fires no more',
      async () => (await usages()).deleteTrigger,
    ),
  )

  const alert = group('alert', 'what went wrong and somebody should look at')
  limited(
    ofAccount(
      query(alert, 'list', 'print a line an alert', async () => (await import('./alert.ts')).listAlerts),
    ),
  )
    .addOption(new Option('--level <level>', 'of this one only').choices(['error', 'warning']))
    .option('--since <date>', `from then on: ${DAY}, or a time like 2026-11-20T12:00:00Z`)
    .option('--until <date>', 'up to then, that day or second included')
}
