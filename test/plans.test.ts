/** How the database finds what it is asked for, with tables as full as to make a difference. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import { sidFloor } from '../src/storage/sid.ts'
import { Clause } from '../src/storage/storage.ts'
import { runAllOperations } from './support/all-operations.ts'
import { timerlessClock } from './support/clock.ts'
import { postgresUrl } from './support/engines.ts'
import { type TestServer, testServer } from './support/server.ts'

const ROWS = 20_000

/** Fills the busy tables: the rows of four accounts, most of them old and settled. */
async function fillTables({ ctx, accountSid, serviceSid }: TestServer): Promise<void> {
  const bytes = ctx.storage.engine === 'sqlite' ? 'blob' : 'bytea'
  const nowMs = ctx.clock.now()
  const sid = (prefix: string) => `'${sidFloor(prefix, 0, nowMs - ROWS)}00000000000' || (1000000 + i)`
  const own = `case when i % 4 = 0 then '${accountSid}' else 'AC0000000000000000000000000000000' || (i % 4) end`
  const service = `case when i % 8 = 0 then '${serviceSid}' else 'VA000000000000000000000000000000' || (10 + i % 40) end`
  const slot = `cast('slot' || i as ${bytes})`
  const createdAt = `${nowMs - ROWS} + i`
  const tenth = (prefix: string) => `'${sidFloor(prefix, 0, nowMs - ROWS)}00000000000' || (1000000 + i / 10)`
  const inserts = [
    `insert into verification (placement, sid, account_sid, service_sid, slot, recipient, channel, status, open, code_version,
        sends, checks, expires_at, created_at, updated_at)
      select 0, ${sid('VE')}, ${own}, ${service}, ${slot}, '+1415' || (5000000 + i), 'sms', 'approved',
        0, 1, '[]', 0, ${createdAt}, ${createdAt}, ${createdAt} from n`,
    `insert into attempt (placement, sid, account_sid, service_sid, verification_sid, slot, recipient, channel, country,
        message, code_version, status, converted, queue, due_at, tries, expires_at, created_at, updated_at)
      select 0, ${sid('VL')}, ${own}, ${service}, ${sid('VE')}, ${slot}, '+1415' || (5000000 + i), 'sms', 'US', '{}', 1,
        'delivered', i % 2, null, null, 1,
        ${createdAt}, ${createdAt}, ${createdAt} from n`,
    `insert into handover (placement, attempt_sid, n, account_sid, provider, outcome, created_at)
      select 0, ${sid('VL')}, 1, ${own}, 'inbox', 'delivered', ${createdAt} from n`,
    `insert into receipt_key (placement, provider, message_id, created_at)
      select 0, 'carrier', 'id' || i, ${createdAt} from n`,
    `insert into attempt_hour (account_sid, service_sid, channel, country, prefix, hour, total, converted)
      select ${own}, ${service}, 'sms', 'US', '+199999', ${Math.floor(nowMs / 3_600_000)} - i, 1, 0 from n`,
    `insert into inbox_message (placement, sid, account_sid, verification_sid, channel, content, created_at)
      select 0, ${sid('IM')}, ${own}, ${sid('VE')}, 'sms', cast('' as ${bytes}), ${createdAt} from n`,
    `insert into message (placement, sid, account_sid, direction, sender, recipient, segments, status, tries, expires_at,
        created_at, updated_at)
      select 0, ${sid('SM')}, ${own}, 'outbound-api', '', '+1415' || (5000000 + i), 1, 'delivered', 1, ${createdAt},
        ${createdAt}, ${createdAt} from n`,
    `insert into message_part (sid, joint, n, account_sid, created_at)
      select ${sid('MP')}, 'joint' || i, 1, ${own}, ${createdAt} from n`,
    `insert into incoming_number (sid, account_sid, phone_number, friendly_name, settings, created_at, updated_at)
      select ${sid('PN')}, 'AC000000000000000000000000000' || (10000 + i / 10), '+1415' || (5000000 + i), '', '{}',
        ${createdAt}, ${createdAt} from n`,
    `insert into usage_day (account_sid, meter, day, count, price_micros)
      select 'AC000000000000000000000000000' || (10000 + i / 10), 'sms', i, 1, 1 from n`,
    `insert into webhook_delivery (sid, account_sid, url, method, form, status, tries, expires_at, created_at, updated_at)
      select ${sid('WD')}, ${own}, '', 'POST', '{}', 'delivered', 1, ${createdAt}, ${createdAt}, ${createdAt} from n`,
    `insert into alert (sid, account_sid, log_level, error_code, alert_text, resource_sid, created_at)
      select ${sid('NO')}, ${own}, 'error', '11200', '', '', ${createdAt} from n`,
    `insert into api_key (sid, account_sid, friendly_name, kind, secret_hash, revision, created_at, updated_at)
      select ${sid('SK')}, ${own}, '', 'standard', cast('' as ${bytes}), 1, ${createdAt}, ${createdAt} from n`,
    `insert into ip_list (sid, account_sid, friendly_name, cidr, created_at, updated_at)
      select ${sid('AL')}, 'AC000000000000000000000000000' || (10000 + i / 10), '', '::/0', ${createdAt}, ${createdAt} from n`,
    `insert into caller_id (sid, account_sid, phone_number, friendly_name, created_at, updated_at)
      select ${sid('PN')}, ${own}, '+1415' || (5000000 + i), '', ${createdAt}, ${createdAt} from n`,
    `insert into audit_event (sid, account_sid, actor_sid, actor_type, event_type, resource_type, resource_sid,
        data, source, source_ip, created_at, row_mac)
      select ${sid('AE')}, ${own}, '', 'key', '', '', '', '{}', 'api', '', ${createdAt}, cast('' as ${bytes}) from n`,
    `insert into service (sid, account_sid, settings, revision, created_at, updated_at)
      select 'VA000000000000000000000000000' || (10000 + i), ${own}, '{}', 1, ${createdAt}, ${createdAt} from n
      where i <= 2000`,
    // Ten to a service: more would be walked for its list.
    `insert into fn_service (sid, account_sid, unique_name, friendly_name, include_credentials, ui_editable, domain_base,
        created_at, updated_at)
      select ${sid('ZS')}, 'AC000000000000000000000000000' || (10000 + i / 10), 'name' || i, '', 1, 0, 'base' || i, ${createdAt}, ${createdAt} from n where i <= 2000`,
    `insert into fn_environment (sid, account_sid, service_sid, unique_name, label, revision, created_at, updated_at)
      select ${sid('ZE')}, ${own}, ${tenth('ZS')}, 'name' || i, 'label' || i, 1, ${createdAt}, ${createdAt} from n`,
    `insert into fn_variable (sid, account_sid, environment_sid, key, value, created_at, updated_at)
      select ${sid('ZV')}, ${own}, ${tenth('ZE')}, 'key' || i, cast('' as ${bytes}), ${createdAt}, ${createdAt} from n`,
    `insert into fn_resource (sid, account_sid, service_sid, kind, friendly_name, created_at, updated_at)
      select ${sid('ZH')}, ${own}, ${tenth('ZS')}, 'function', '', ${createdAt}, ${createdAt} from n`,
    `insert into fn_version (sid, account_sid, service_sid, resource_sid, kind, path, visibility, content_type, hash, size,
        created_at)
      select ${sid('ZN')}, ${own}, ${tenth('ZS')}, ${tenth('ZH')}, 'function', '/' || i, 'public', '', 'hash' || i, 0,
        ${createdAt} from n`,
    `insert into fn_blob (account_sid, hash, content)
      select ${own}, 'hash' || i, cast('' as ${bytes}) from n`,
    `insert into fn_build (sid, account_sid, service_sid, status, dependencies, runtime, created_at, updated_at)
      select ${sid('ZB')}, ${own}, ${tenth('ZS')}, 'completed', '[]', 'node22', ${createdAt}, ${createdAt} from n`,
    `insert into fn_build_item (account_sid, build_sid, version_sid)
      select ${own}, ${tenth('ZB')}, ${sid('ZN')} from n`,
    `insert into fn_deployment (sid, account_sid, service_sid, environment_sid, created_at)
      select ${sid('ZD')}, ${own}, ${tenth('ZS')}, ${tenth('ZE')}, ${createdAt} from n`,
    `insert into fn_log (placement, sid, account_sid, service_sid, environment_sid, request_sid, level, message, created_at)
      select 0, ${sid('NO')}, ${own}, ${tenth('ZS')}, ${tenth('ZE')}, '', 'info', '', ${createdAt} from n`,
  ]
  const numbers = `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${ROWS})`
  for (const insert of inserts) {
    await ctx.storage.system.write((tx) => tx.run`${new Clause([`${numbers} ${insert}`], [])}`)
  }
}

/** The plan of a statement as one line of text, whatever its values are. */
interface Planner {
  plan(statement: string): Promise<string>
  analyze(): Promise<void>
  close(): Promise<void>
}

function openSqlitePlanner(dataDir: string): Planner {
  const db = new DatabaseSync(join(dataDir, 'countersign.db'), { timeout: 5_000 })
  return {
    async plan(statement) {
      const rows = db.prepare(`explain query plan ${statement}`).all() as { detail: string }[]
      return rows.map(({ detail }) => detail).join('; ')
    },
    analyze: async () => db.exec('analyze'),
    close: async () => db.close(),
  }
}

async function openPostgresPlanner(url: string): Promise<Planner> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return {
    async plan(statement) {
      const { rows } = await client.query(`explain (generic_plan, costs off) ${statement}`)
      return rows.map((row) => row['QUERY PLAN'].trim()).join('; ')
    },
    analyze: async () => void (await client.query('analyze')),
    close: () => client.end(),
  }
}

/** On PostgreSQL only: elsewhere nobody asks for them. */
const REVISIONS: [string, RegExp, string] = [
  'the revisions of requests',
  /^select a\.sid, a\.revision/,
  'api_key_pkey',
]

/** The hot statements, and the index that has to find their rows. */
const HOT: readonly [what: string, statement: RegExp, index: string][] = [
  ['the service of a request', /^select \* from service where sid/, 'service_pkey'],
  ...(postgresUrl ? [REVISIONS] : []),
  ['the key of a request', /^select \* from api_key where sid = \S+$/, 'api_key_pkey'],
  ['keys', /^select \* from api_key where account_sid/, 'api_key_by_account'],
  ['create, check: by recipient', /^select \* from verification .* open = 1/, 'verification_open'],
  ['fetch by sid', /^select \* from verification .* service_sid/, 'verification_pkey'],
  ['resend', /^update verification set channel/, 'verification_pkey'],
  ['a wrong guess', /^update verification set checks/, 'verification_pkey'],
  ['approve, cancel', /^update verification set status = \S+ checks/, 'verification_pkey'],
  ['expiry', /^update verification set status = 'expired'/, 'verification_pkey'],
  ['a send is recorded', /^update attempt set status = case/, 'attempt_pkey'],
  ['an attempt converts', /^update attempt set converted/, 'attempt_pkey'],
  ['the sweeper looks', /^select \* from attempt where queue/, 'attempt_due'],
  ['the sweeper takes', /^update attempt set due_at = \S+ where placement/, 'attempt_pkey'],
  ['attempts', /^select \* from attempt where account_sid = \S+ order/, 'attempt_by_account'],
  [
    'further attempts',
    /^select \* from attempt where account_sid = \S+ and \(created_at/,
    'attempt_by_account',
  ],
  ['attempts by To', /^select \* from attempt where slot = /, 'attempt_by_slot'],
  ['attempts by verification', /^select \* from attempt where placement = \S+ and sid in/, 'attempt_pkey'],
  ['an attempt', /^select \* from attempt where placement .* account_sid/, 'attempt_pkey'],
  [
    'the attempt of a receipt',
    /^select \* from attempt where placement = \S+ and sid = \S+( for update)?$/,
    'attempt_pkey',
  ],
  ['the hand-overs of an attempt', /^select .* from handover/, 'handover_pkey'],
  [
    'the inbox',
    /^select inbox_message\.\* from inbox_message where account_sid = \S+ order/,
    'inbox_by_account',
  ],
  ['the inbox by To', /^select inbox_message\.\* from \( .* slot = \S+ .* order/, 'inbox_message_pkey'],
  ['the inbox by To, inside', /^select inbox_message\.\* from \( .* slot = \S+ .* order/, 'attempt_by_slot'],
  ['usage, folded', /^with family/, 'usage_day_pkey'],
  ['usage, not folded yet', /^with family/, 'attempt_by_account'],
  ['usage, messages not folded yet', /^with family/, 'message_by_account'],
  ['messages', /^select \* from message where account_sid = \S+ order/, 'message_by_account'],
  [
    'messages by To',
    /^select \* from message where account_sid = \S+ and recipient = \S+ order/,
    'message_by_recipient',
  ],
  [
    'the inbox by To, messages',
    /^select inbox_message\.\* from \( .* slot = \S+ .* order/,
    'message_by_recipient',
  ],
  ['messages due', /^select \* from message where queue/, 'message_due'],
  ['a message is taken', /^update message set due_at = \S+ where placement/, 'message_pkey'],
  ['a message is recorded', /^update message set status = \S+ error_code = \S+ provider/, 'message_pkey'],
  [
    'the number of an incoming message',
    /^select \* from incoming_number where phone_number = \S+$/,
    'incoming_number_by_number',
  ],
  ['parts of a message', /^select sid, content from message_part/, 'message_part_by_joint'],
  ['callbacks due', / from webhook_delivery where due_at/, 'webhook_delivery_due'],
  ['a callback is recorded', /^update webhook_delivery/, 'webhook_delivery_pkey'],
  ['retention', /^delete from verification/, 'verification_pkey'],
  [
    'the environment of a domain',
    /^select sid, revision from fn_environment where label/,
    'fn_environment_by_label',
  ],
  ['what runs there', /^select v\.\* from fn_build_item/, 'fn_build_item_pkey'],
  ['its variables', /^select \* from fn_variable where environment_sid/, 'fn_variable_by_(environment|key)'],
  ['a content', /^select content from fn_blob/, 'fn_blob_pkey'],
  [
    'logs',
    /^select \* from fn_log where environment_sid = \S+ and account_sid = \S+ order/,
    'fn_log_by_environment',
  ],
  ['retention of logs', /^delete from fn_log/, 'fn_log_pkey'],
]

/**
 * These hold one row, one a tenant or one a job, or are looked at as a whole; what a statement has found itself; and what
 * SQLite calls a select without a table. `t`, `a` and `p` are a usage trigger, its account and that one's parent. Keys are
 * counted, of which an account has 1,000 at the most.
 */
const SMALL = [
  'account',
  'a',
  'p',
  'installation',
  'progress',
  'usage_trigger',
  't',
  'api_key',
  'family',
  'used',
  'due',
  'sent',
  'unsettled',
  'subquery',
  'CONSTANT',
]

describe('query plans', () => {
  let server: TestServer
  let planner: Planner | undefined
  let statements: string[] = []
  before(async () => {
    const clock = timerlessClock()
    const seen = new Set<string>()
    server = await testServer({ clock, observe: (text) => seen.add(text.trim().replace(/\s+/g, ' ')) })
    const { ctx } = server
    seen.clear()
    await runAllOperations(server, clock)
    statements = [...seen]
    await fillTables(server)
    const { databaseUrl, dataDir } = ctx.config
    planner = databaseUrl ? await openPostgresPlanner(databaseUrl.reveal()) : openSqlitePlanner(dataDir)
  })
  after(async () => {
    await planner?.close()
    await server.close()
  })

  async function assertPlans(): Promise<void> {
    assert.ok(planner)
    const plans = new Map<string, string>()
    for (const statement of statements) plans.set(statement, await planner.plan(statement))
    const { engine } = server.ctx.storage
    for (const [what, pattern, index] of HOT) {
      const name = engine === 'sqlite' ? index.replace(/(.*)_pkey/, 'sqlite_autoindex_$1_1') : index
      const matching = [...plans].filter(([statement]) => pattern.test(statement))
      assert.notEqual(matching.length, 0, `${what}: nothing of the kind was asked`)
      for (const [statement, plan] of matching)
        assert.match(plan, new RegExp(`\\b${name}\\b`), `${what}: ${statement}: ${plan}`)
    }
    for (const [statement, plan] of plans) {
      const steps = plan.split('; ')
      for (const [i, step] of steps.entries()) {
        // PostgreSQL names no scan of an index that it walks from end to end, but it gives it no condition.
        const isWalk =
          / using /.test(step) && engine === 'postgres' && !steps[i + 1]?.startsWith('Index Cond')
        // The partial indexes hold what is open, or due, of all tenants: to be entered by their whole key only.
        const found = `${step}; ${steps[i + 1]}`
        if (step.includes('verification_open') && !/Arbiter/.test(step))
          assert.match(found, /slot/, statement)
        if (step.includes('message_due')) assert.match(found, /queue/, statement)
        if (step.includes('attempt_due')) assert.match(found, /queue/, statement)
        const [, table = ''] = /\b(?:SCAN|Scan.* on) \(?(\w+)/.exec(step) ?? []
        const isScan = isWalk || /\b(SCAN|Seq Scan on) /.test(step)
        assert.ok(!isScan || SMALL.includes(table), `${statement}: ${step}`)
      }
    }
  }

  test('of a database that has kept no statistics yet', () => assertPlans())

  test('of one that took its statistics in a quiet hour: nothing open, nothing due', async () => {
    await planner?.analyze()
    await assertPlans()
  })

  test('of one that took them in a busy hour', async () => {
    await server.ctx.storage.system.write(async (tx) => {
      await tx.run`update verification set open = 1 where sid like ${'%0'}`
      await tx.run`update attempt set queue = 'sms', due_at = created_at where sid like ${'%0'}`
      await tx.run`update message set queue = 'send', due_at = created_at where sid like ${'%0'}`
    })
    await planner?.analyze()
    await assertPlans()
  })
})
