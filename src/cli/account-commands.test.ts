import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makePlace, startPlace } from '../../test/support/command-line.ts'
import { basic, freshNumber } from '../../test/support/server.ts'

type Shown = Record<string, string>

/** A server, and requests to it with the first account's credentials. */
async function startClient(t: Parameters<typeof startPlace>[0]) {
  const place = await startPlace(t)
  const { url, accountSid, authToken } = place.server
  const headers = { authorization: basic(accountSid, authToken) }
  const call = async (path: string, form?: Record<string, string>) => {
    const body = form && new URLSearchParams(form)
    return (await fetch(url + path, { headers, ...(body && { method: 'POST', body }) })).json()
  }
  return {
    ...place,
    call: call as (...given: Parameters<typeof call>) => Promise<Shown & { messages: Shown[] }>,
  }
}

test('a subaccount is made below an account that may have some', async (t) => {
  const { json, run, server } = await startPlace(t)
  const below = await json('account', 'create', 'Below', '--parent', server.accountSid)
  assert.deepEqual([below.parent_sid, below.friendly_name, below.type], [server.accountSid, 'Below', 'Full'])
  assert.match(below.auth_token, /^[0-9a-f]{32}$/)
  const trial = await json('account', 'create', 'Trial', '--trial')
  for (const [parent, why] of [
    [below.sid, / is a subaccount, and has none itself$/],
    [trial.sid, / is on trial, and has no subaccounts: upgrade it first$/],
    [`AC${'0'.repeat(32)}`, /was not found$/],
  ] as const) {
    const { status, err } = await run('account', 'create', 'x', '--parent', parent)
    assert.equal(status, 1)
    assert.match(err, why)
  }
  assert.match(
    (await run('account', 'create', 'x', '--trial', '--parent', below.sid)).err,
    /cannot be used with/,
  )
})

test('a key gets another policy, which counts at once, and another name', async (t) => {
  const { json, run, status } = await startPlace(t)
  const key = await json('api-key', 'create', 'Web', '--kind', 'restricted', '--policy', 'verify-sender')
  assert.equal(await status(key.sid, key.secret), 403)
  const changed = await json('api-key', 'update', key.sid, '--policy', 'verify-reader', '--name', 'Reader')
  assert.equal(changed.friendly_name, 'Reader')
  assert.ok(changed.policy.allow.includes('/twilio/verify/services/list'))
  assert.equal(await status(key.sid, key.secret), 200)
  const { out } = await run('api-key', 'update', key.sid, '--name', 'Web')
  assert.match(out, /^SK\w+ {2}Web\n\/twilio\/verify/)
  const standard = await json('api-key', 'create', 'CI')
  for (const [args, why] of [
    [[key.sid], /nothing to change/],
    [[key.sid, '--policy', 'none'], /there is no policy "none": name one of/],
    [[standard.sid, '--policy', 'auditor'], /it is a standard key, which has no policy/],
    [[`SK${'0'.repeat(32)}`, '--name', 'x'], /was not found/],
  ] as const) {
    const refused = await run('api-key', 'update', ...args)
    assert.equal(refused.status, 1)
    assert.match(refused.err, why)
  }
})

test('networks are added and taken away, one by one', async (t) => {
  const { json, run, status, server } = await startPlace(t)
  const { accountSid, authToken } = server
  const far = await json('account', 'access', 'add', accountSid, '192.0.2.7/24', '--name', 'Office')
  assert.deepEqual([far.cidr, far.friendly_name], ['192.0.2.0/24', 'Office'])
  assert.equal(await status(accountSid, authToken), 403)
  const near = await json('account', 'access', 'add', accountSid, '127.0.0.1')
  assert.equal(await status(accountSid, authToken), 200)
  assert.match(
    (await run('account', 'access', 'list', accountSid)).out,
    /^SID +NETWORK +NAME\nAL.*127.*\nAL.*Office$/,
  )
  const newest = await run('account', 'access', 'list', accountSid, '--limit', '1', '--json')
  assert.deepEqual(JSON.parse(newest.out), [near])
  assert.match(newest.err, /^There are more/)
  await json('account', 'access', 'remove', accountSid, near.sid)
  assert.equal(await status(accountSid, authToken), 403)
  await json('account', 'access', 'remove', accountSid, far.sid)
  assert.equal(await status(accountSid, authToken), 200)
  assert.match((await run('account', 'access', 'add', accountSid, 'office')).err, /Cidr: give a network like/)
  assert.match((await run('account', 'access', 'remove', accountSid, far.sid)).err, /was not found/)
})

test('a number is told a code, and proved by it', async (t) => {
  const { json, run, call } = await startClient(t)
  const { sid: trial } = await json('account', 'create', 'Trial', '--trial')
  const number = freshNumber()
  const of = ['--account', trial]
  const asked = await run('caller-id', 'validate', number, '--name', 'Desk', ...of)
  assert.deepEqual([asked.status, asked.out], [0, `${number}  is told a code`])
  assert.match(asked.err, /caller-id confirm \+\d+ <code>/)
  const { messages } = await call(`/inbox/messages?To=${encodeURIComponent(number)}`)
  const code = messages[0]?.code ?? ''
  const wrong = await run('caller-id', 'confirm', number, code === '000000' ? '111111' : '000000', ...of)
  assert.deepEqual(
    [wrong.status, wrong.err],
    [1, 'countersign: Invalid parameter: Code: it is not the code that was told'],
  )
  const proved = await json('caller-id', 'confirm', number, code, ...of)
  assert.deepEqual([proved.account_sid, proved.phone_number, proved.friendly_name], [trial, number, 'Desk'])
  assert.deepEqual(await json('caller-id', 'list', ...of), [proved])
  assert.deepEqual(await json('caller-id', 'list'), [])
  assert.match((await run('caller-id', 'validate', number, ...of)).err, /already verified/)
  assert.match((await run('caller-id', 'validate', '0123')).err, /with \+ and country code/)
  await json('caller-id', 'delete', proved.sid, ...of)
  assert.deepEqual(await json('caller-id', 'list', ...of), [])
})

test('what was used is shown by period and category, with subaccounts or without', async (t) => {
  const { json, run, call, server } = await startClient(t)
  const { sid: below } = await json('account', 'create', 'Below', '--parent', server.accountSid)
  const started = await call(`/v2/Services/${server.serviceSid}/Verifications`, {
    To: freshNumber(),
    Channel: 'sms',
  })
  assert.equal(started.status, 'pending')
  await call('/inbox/messages')
  const today = new Date(Date.now()).toISOString().slice(0, 10)
  for (const period of ['all-time', 'today', 'this-month', 'daily', 'monthly', 'yearly']) {
    const [sms, ...others] = await json('usage', 'list', period, '--category', 'sms', '--since', '-1day')
    assert.deepEqual([sms.usage, others.length], ['1', 0], period)
  }
  for (const period of ['yesterday', 'last-month'])
    assert.equal((await json('usage', 'list', period, '--category', 'sms'))[0].usage, '0')
  const { out } = await run('usage', 'list')
  assert.match(
    out,
    new RegExp(`^FROM +TO +CATEGORY.*\\n[^]*^${today} +${today} +sms +1 +messages +0 +usd$`, 'm'),
  )
  assert.equal((await json('usage', 'list', '--own', '--category', 'sms'))[0].usage, '1')
  assert.equal((await json('usage', 'list', '--account', below, '--category', 'sms'))[0].usage, '0')
  const nothing = await run('usage', 'list', '--category', 'smoke')
  assert.deepEqual([nothing.status, nothing.out], [0, ''])
  assert.match(nothing.err, /docs\/usage\.md names the categories/)
  assert.match((await run('usage', 'list', 'tomorrow')).err, /Allowed choices are all-time, today/)
  assert.match((await run('usage', 'list', '--since', '2026-02-31')).err, /StartDate: give a day/)
})

test('triggers are made, listed and deleted; a list says that there are more', async (t) => {
  const { json, run, server } = await startPlace(t)
  const address = `${server.url}/too-much`
  const many = await json('usage', 'trigger', 'create', 'sms', '1000', address)
  const { out: sid } = await run(
    ...['usage', 'trigger', 'create', 'totalprice', '+50.5', address],
    ...['--by', 'price', '--recurring', 'daily', '--name', 'Much'],
  )
  const listed = await json('usage', 'trigger', 'list')
  assert.deepEqual(
    listed.map((trigger: Shown) => [trigger.sid, trigger.trigger_value, trigger.recurring]),
    [
      [sid, '50.5', 'daily'],
      [many.sid, '1000', 'alltime'],
    ],
  )
  const first = await run('usage', 'trigger', 'list', '--limit', '1', '--json')
  assert.deepEqual(JSON.parse(first.out), [listed[0]])
  assert.equal(first.err, 'There are more: --limit 10 shows ten times as many.')
  assert.equal((await run('usage', 'trigger', 'list', '--limit', '2')).err, '')
  for (const [args, why] of [
    [['smoke', '1', address], /UsageCategory: docs\/usage\.md names the categories/],
    [['sms', '1.5', address], /TriggerValue: give a number above 0, whole unless it is money/],
    [['sms', '1', 'http://10.0.0.1/'], /CallbackUrl: give an http or https address/],
  ] as const) {
    const refused = await run('usage', 'trigger', 'create', ...args)
    assert.equal(refused.status, 1)
    assert.match(refused.err, why)
  }
  await json('usage', 'trigger', 'delete', sid)
  assert.equal((await json('usage', 'trigger', 'list')).length, 1)
  const events = (await run('audit', 'export')).out.split('\n').map((line) => JSON.parse(line))
  assert.deepEqual(
    events.filter(({ resource_sid }) => resource_sid === sid).map((e) => [e.event_type, e.actor_type]),
    [
      ['usage-trigger.created', 'operator'],
      ['usage-trigger.deleted', 'operator'],
    ],
  )
})

test('without a server lists are read and things changed, but no code is sent', async (t) => {
  const place = await makePlace(t)
  const { json, run } = place
  const server = await place.serve()
  await json('account', 'access', 'add', server.accountSid, '192.0.2.0/24')
  const authorization = basic(server.accountSid, server.authToken)
  assert.equal((await fetch(`${server.url}/v2/Services`, { headers: { authorization } })).status, 403)
  await server.close()

  const [alert] = await json('alert', 'list')
  assert.equal(alert.account_sid, server.accountSid)
  assert.deepEqual(await json('alert', 'list', '--level', 'warning', '--since', '2020-01-01'), [alert])
  assert.deepEqual(await json('alert', 'list', '--level', 'error'), [])
  assert.deepEqual(await json('alert', 'list', '--until', '2020-01-01'), [])
  assert.match((await run('alert', 'list')).out, new RegExp(`^DATE +LEVEL.*\\n.*${alert.error_code}`))
  assert.match((await run('alert', 'list', '--since', 'monday')).err, /StartDate: give a day/)
  assert.match((await run('alert', 'list', '--level', 'loud')).err, /Allowed choices are error, warning/)

  const [entry] = await json('account', 'access', 'list', server.accountSid)
  await json('account', 'access', 'remove', server.accountSid, entry.sid)
  assert.deepEqual(await json('account', 'access', 'list', server.accountSid), [])
  const refused = await run('caller-id', 'validate', freshNumber())
  assert.equal(refused.status, 1)
  assert.match(refused.err, /no server runs on .*: only a server can send a code$/)
})
