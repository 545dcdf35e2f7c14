import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type FakeClock, fakeClock } from '../../../test/support/clock.ts'
import { freshNumber, type TestServer, testServer } from '../../../test/support/server.ts'

describe('verifications', () => {
  let server: TestServer
  let clock: FakeClock
  before(async () => {
    clock = fakeClock()
    server = await testServer({ clock })
  })
  after(() => server.close())
  const path = (sid = '') => `/v2/Services/${server.serviceSid}/Verifications${sid && `/${sid}`}`
  const wrong = (code: string) => (code === '000000' ? '111111' : '000000')

  test('a code is sent, checked once, and then gone', async () => {
    const to = freshNumber()
    const started = await server.start(to)
    assert.equal(started.status, 201)
    assert.equal(started.body.status, 'pending')
    assert.equal(started.body.valid, false)
    const code = await server.lastCode(to)
    assert.match(code, /^\d{6}$/)
    const approved = await server.check(to, code)
    assert.equal(approved.status, 200)
    assert.deepEqual(
      [approved.body.status, approved.body.valid, approved.body.sid],
      ['approved', true, started.body.sid],
    )
    const again = await server.check(to, code)
    assert.equal(again.status, 404)
    assert.equal(again.body.code, 20404)
    assert.equal(
      again.body.message,
      `The requested resource /Services/${server.serviceSid}/VerificationCheck was not found`,
    )
    assert.equal((await server.get(path(started.body.sid))).status, 404)
  })

  test('a resend repeats sid and code, by another channel too; the sixth is refused', async () => {
    const to = freshNumber()
    const first = await server.start(to)
    const code = await server.lastCode(to)
    await clock.advance('30s')
    const called = await server.start(to, { Channel: 'call' })
    assert.equal(called.body.sid, first.body.sid)
    assert.equal(called.body.channel, 'call')
    assert.deepEqual(
      called.body.send_code_attempts.map((a: { channel: string }) => a.channel),
      ['SMS', 'CALL'],
    )
    assert.equal(await server.lastCode(to), code)
    for (let sends = 3; sends <= 5; sends++) assert.equal((await server.start(to)).status, 201)
    const sixth = await server.start(to)
    assert.deepEqual([sixth.status, sixth.body.code], [429, 60203])
    assert.equal((await server.post(path(first.body.sid), { Status: 'canceled' })).body.status, 'canceled')
    const fresh = await server.start(to)
    assert.equal(fresh.status, 201)
    assert.notEqual(fresh.body.sid, first.body.sid)
  })

  test('five wrong guesses are all there are, whatever is sent, until it expires', async () => {
    const to = freshNumber()
    const { sid } = (await server.start(to)).body
    const code = await server.lastCode(to)
    for (let guess = 1; guess <= 5; guess++) {
      if (guess === 3) await server.start(to)
      const answer = await server.check(to, wrong(code))
      assert.deepEqual([answer.status, answer.body.status, answer.body.valid], [200, 'pending', false])
    }
    for (const answer of [await server.check(to, code), await server.start(to)]) {
      assert.deepEqual([answer.status, answer.body.code], [429, 60202])
    }
    assert.equal((await server.get(path(sid))).body.status, 'max_attempts_reached')
    assert.equal((await server.post(path(sid), { Status: 'approved' })).status, 404)
    await clock.advance('10m')
    assert.equal((await server.check(to, code)).status, 404)
    assert.equal((await server.get(path(sid))).status, 404)
    assert.equal((await server.start(to)).status, 201)
  })

  test('a verification without guesses left can be canceled, which frees the recipient', async () => {
    const to = freshNumber()
    const { sid } = (await server.start(to)).body
    const code = await server.lastCode(to)
    for (let guess = 1; guess <= 6; guess++) await server.check(to, wrong(code))
    assert.deepEqual([(await server.post(path(sid), { Status: 'canceled' })).status], [200])
    assert.notEqual((await server.start(to)).body.sid, sid)
  })

  test('it lives ten minutes to the second', async () => {
    const to = freshNumber()
    await server.start(to)
    const code = await server.lastCode(to)
    await clock.advance('599.9s')
    const { sid } = (await server.start(to)).body
    assert.equal((await server.get(path(sid))).status, 200)
    await clock.advance('100ms')
    assert.equal((await server.check(to, code)).status, 404)
  })

  test('it is fetched and ended by recipient as by sid', async () => {
    const to = freshNumber()
    const { sid } = (await server.start(to)).body
    for (const name of [to, encodeURIComponent(to), sid]) {
      assert.equal((await server.get(path(name))).body.sid, sid)
    }
    const approved = await server.post(path(encodeURIComponent(to)), { Status: 'approved' })
    assert.deepEqual([approved.body.status, approved.body.valid], ['approved', true])
    assert.equal((await server.post(path(sid), { Status: 'canceled' })).status, 404)
  })

  test('a plus that was not encoded arrives as a space, and is understood', async () => {
    const to = freshNumber()
    assert.equal((await server.start(to.replace('+', ' '))).body.to, to)
    assert.equal((await server.get(`/v2/Attempts?ChannelData.To=${to}`)).body.attempts.length, 1)
    const code = await server.lastCode(to)
    assert.equal((await server.check(to.replace('+', ' '), code)).body.status, 'approved')
    assert.equal((await server.start(to.replace('+', '  '))).status, 400)
  })

  test('an e-mail address is a recipient whatever the case it is written in', async () => {
    const started = await server.start('Ann.Lee@Example.COM', { Channel: 'email' })
    assert.equal(started.status, 201)
    assert.equal(started.body.to, 'Ann.Lee@example.com')
    const code = await server.lastCode('Ann.Lee@example.com')
    assert.equal((await server.check('ann.lee@example.com', code)).body.status, 'approved')
  })

  for (const [what, form, status, code, message] of [
    ['no To', { To: '' }, 400, 60200, 'Invalid parameter `To`: '],
    ['letters in To', { To: '+1415x5552671' }, 400, 60200, 'Invalid parameter `To`: +1415x5552671'],
    [
      'a number that no plan knows',
      { To: '+15551234567' },
      400,
      60200,
      'Invalid parameter `To`: +15551234567',
    ],
    ['a line break in To', { To: '+1415555\n2671' }, 400, 60200, 'Invalid parameter `To`: +1415555\n2671'],
    ['a tab in To', { To: '+1415555\t2671' }, 400, 60200, 'Invalid parameter `To`: +1415555\t2671'],
    [
      'a wide space in To',
      { To: '+1415555\u00a02671' },
      400,
      60200,
      'Invalid parameter `To`: +1415555\u00a02671',
    ],
    [
      'a part of ChannelConfiguration that is none',
      { ChannelConfiguration: '{"from_nmae":"Acme"}' },
      400,
      60200,
      'Invalid parameter: ChannelConfiguration.from_nmae',
    ],
    ['an address by SMS', { To: 'a@example.com' }, 400, 60200, 'Invalid parameter `To`: a@example.com'],
    ['a number by e-mail', { Channel: 'email' }, 400, 60200, undefined],
    ['an unknown channel', { Channel: 'pigeon' }, 400, 60200, 'Invalid parameter: Channel'],
    ['sna', { Channel: 'sna' }, 400, 60200, 'Invalid parameter: Channel'],
    ['an unknown locale', { Locale: 'xx' }, 404, 20404, undefined],
    ['a custom code where it is off', { CustomCode: '1234' }, 403, 60204, undefined],
    ['a custom message', { CustomMessage: 'hi' }, 403, 60204, undefined],
    ['a template', { TemplateSid: `HJ${'0'.repeat(32)}` }, 403, 60204, undefined],
    ['templates', { Templates: '[]' }, 403, 60204, undefined],
    ['a payment where PSD2 is off', { Amount: '1', Payee: 'x' }, 403, 60204, undefined],
    ['an app hash by call', { Channel: 'call', AppHash: 'abcdefghijk' }, 400, 60602, undefined],
    ['a short app hash', { AppHash: 'abc' }, 400, 60200, 'Invalid parameter: AppHash'],
    ['an address that is none', { DeviceIp: '1.2.3' }, 400, 60200, 'Invalid parameter: DeviceIp'],
    ['an unknown risk check', { RiskCheck: 'maybe' }, 400, 60200, 'Invalid parameter: RiskCheck'],
    ['tags that are no JSON', { Tags: '{' }, 400, 60200, 'Invalid parameter: Tags'],
    [
      'a tag that is too long',
      { Tags: JSON.stringify({ a: 'x'.repeat(129) }) },
      400,
      60200,
      'Invalid parameter: Tags',
    ],
    [
      'a name that is a link',
      { CustomFriendlyName: 'www.example.com' },
      400,
      60200,
      'Invalid parameter: CustomFriendlyName',
    ],
    ['digits to send that are none', { SendDigits: 'abc' }, 400, 60200, 'Invalid parameter: SendDigits'],
    ['rate limits that are no JSON', { RateLimits: 'x' }, 400, 60200, 'Invalid parameter: RateLimits'],
  ] as const) {
    test(`${what}: ${code}, and nothing is sent`, async () => {
      const newest = async () => {
        await server.ctx.delivery.drained()
        return (await server.get('/inbox/messages?PageSize=1')).body.messages
      }
      const before = await newest()
      const answer = await server.start('To' in form ? form.To : freshNumber(), form)
      assert.deepEqual([answer.status, answer.body.code], [status, code])
      assert.equal(answer.body.status, status)
      if (message !== undefined) assert.equal(answer.body.message, message)
      assert.deepEqual(await newest(), before)
    })
  }

  test('what a parameter promises is done', async () => {
    const to = freshNumber()
    const started = await server.start(to, {
      CustomFriendlyName: 'Other Name',
      Locale: 'de',
      AppHash: 'abcdefghijk',
      DeviceIp: '2001:db8::1',
      RiskCheck: 'disable',
      Tags: JSON.stringify({ flow: 'login' }),
      RateLimits: JSON.stringify({ end_user_ip: '192.0.2.1' }),
    })
    assert.equal(started.status, 201)
    const code = await server.lastCode(to)
    const { body } = await server.get(`/inbox/messages?To=${encodeURIComponent(to)}`)
    assert.match(body.messages[0].body, /^<#> .*Other Name.*\nabcdefghijk$/s)
    assert.ok(body.messages[0].body.includes(code))
    const attempt = await server.get(`/v2/Attempts/${started.body.send_code_attempts[0].attempt_sid}`)
    assert.equal(attempt.body.channel_data.locale, 'de')
  })

  test("the number's country chooses the language", async () => {
    const to = '+5511961234567'
    await server.start(to)
    await server.ctx.delivery.drained()
    const { body } = await server.get(`/inbox/messages?To=${encodeURIComponent(to)}`)
    assert.match(body.messages[0].body, /código/i)
  })

  test('codes are of the length that the service asks for', async () => {
    for (const length of [4, 10]) {
      const service = await server.post('/v2/Services', {
        FriendlyName: `Length ${length}`,
        CodeLength: length,
      })
      const to = freshNumber()
      await server.post(`/v2/Services/${service.body.sid}/Verifications`, { To: to, Channel: 'sms' })
      assert.equal((await server.lastCode(to)).length, length)
    }
  })

  test('a custom code is sent and checked; a resend may bring another', async () => {
    const { sid } = (
      await server.post('/v2/Services', { FriendlyName: 'Own codes', CustomCodeEnabled: true })
    ).body
    const to = freshNumber()
    const start = (code: string) =>
      server.post(`/v2/Services/${sid}/Verifications`, { To: to, Channel: 'sms', CustomCode: code })
    await start('AB12')
    assert.equal(await server.lastCode(to), 'AB12')
    await clock.advance('1s')
    await start('987654')
    assert.equal(await server.lastCode(to), '987654')
    const check = (code: string) =>
      server.post(`/v2/Services/${sid}/VerificationCheck`, { To: to, Code: code })
    assert.equal((await check('AB12')).body.status, 'pending')
    assert.equal((await check('987654')).body.status, 'approved')
  })

  test('under PSD2 the code is bound to amount and payee, at the check as well', async () => {
    const { sid } = (await server.post('/v2/Services', { FriendlyName: 'Bank', Psd2Enabled: true })).body
    const to = freshNumber()
    const start = (form: object) =>
      server.post(`/v2/Services/${sid}/Verifications`, { To: to, Channel: 'sms', ...form })
    const check = (form: object) => server.post(`/v2/Services/${sid}/VerificationCheck`, { To: to, ...form })
    assert.equal((await start({})).body.code, 60206)
    assert.equal((await start({ Amount: '€39.99', Payee: 'Shop', Channel: 'call' })).body.code, 60214)
    const started = await start({ Amount: '€39.99', Payee: 'Shop' })
    assert.deepEqual([started.body.amount, started.body.payee], ['€39.99', 'Shop'])
    const code = await server.lastCode(to)
    await clock.advance('1s')
    await start({ Amount: '€99.99', Payee: 'Shop' })
    assert.notEqual(await server.lastCode(to), code, 'another payment gets another code')
    const last = await server.lastCode(to)
    assert.equal((await check({ Code: last })).body.code, 60206)
    assert.equal((await check({ Code: last, Amount: '€39.99', Payee: 'Shop' })).body.status, 'pending')
    assert.equal((await check({ Code: last, Amount: '€99.99', Payee: 'Shop' })).body.status, 'approved')
  })

  test('a code stays bound to its payment when the service ends PSD2, and unbound when it begins', async () => {
    const { sid } = (await server.post('/v2/Services', { FriendlyName: 'Bank', Psd2Enabled: true })).body
    const path = `/v2/Services/${sid}`
    const [bound, unbound] = [freshNumber(), freshNumber()]
    const payment = { Amount: '10', Payee: 'Alice' }
    await server.post(`${path}/Verifications`, { To: bound, Channel: 'sms', ...payment })
    await server.post(path, { Psd2Enabled: false })
    await server.post(`${path}/Verifications`, { To: unbound, Channel: 'sms' })
    const status = async (To: string, form: object) => {
      const check = { To, Code: await server.lastCode(To), ...form }
      return (await server.post(`${path}/VerificationCheck`, check)).body.status
    }
    assert.equal(await status(bound, {}), 'pending')
    assert.equal(await status(bound, { Amount: '9999', Payee: 'Mallory' }), 'pending')
    assert.equal(await status(bound, payment), 'approved')
    await server.post(path, { Psd2Enabled: true })
    assert.equal(await status(unbound, payment), 'pending')
    await server.post(path, { Psd2Enabled: false })
    assert.equal(await status(unbound, {}), 'approved')
  })

  test('a sid in a path is found in whatever case it is written', async () => {
    const to = freshNumber()
    const { sid } = (await server.start(to)).body
    const upper = (sid: string) => sid.slice(0, 2) + sid.slice(2).toUpperCase()
    const service = `/v2/Services/${upper(server.serviceSid)}`
    assert.equal((await server.get(service)).body.sid, server.serviceSid)
    assert.equal((await server.get(`${service}/Verifications/${upper(sid)}`)).body.sid, sid)
    const check = { VerificationSid: upper(sid), Code: await server.lastCode(to) }
    assert.equal((await server.post(`${service}/VerificationCheck`, check)).body.status, 'approved')
  })

  test('a landline gets no SMS where the service looks numbers up and skips it', async () => {
    const landline = '+442079460018'
    const { sid } = (
      await server.post('/v2/Services', {
        FriendlyName: 'Look',
        LookupEnabled: true,
        SkipSmsToLandlines: true,
      })
    ).body
    const start = (form: object) =>
      server.post(`/v2/Services/${sid}/Verifications`, { To: landline, ...form })
    const refused = await start({ Channel: 'sms' })
    assert.deepEqual([refused.status, refused.body.code], [403, 60205])
    const called = await start({ Channel: 'call' })
    assert.equal(called.body.lookup.carrier.type, 'landline')
  })

  test('auto sends an SMS', async () => {
    const started = await server.start(freshNumber(), { Channel: 'auto' })
    assert.equal(started.body.channel, 'sms')
  })

  test('checks name their target and bring a code', async () => {
    const path = `/v2/Services/${server.serviceSid}/VerificationCheck`
    const to = freshNumber()
    const { sid } = (await server.start(to)).body
    const code = await server.lastCode(to)
    const other = freshNumber()
    for (const [form, status, expected] of [
      [{ Code: code }, 400, 60221],
      [{ To: to }, 400, 60200],
      [{ To: to, Code: '123' }, 400, 60200],
      [{ To: to, Code: '12345678901' }, 400, 60200],
      [{ To: 'nobody', Code: code }, 400, 60200],
      [{ To: 'nobody', VerificationSid: sid, Code: code }, 400, 60200],
      [{ To: other, Code: code }, 404, 20404],
      [{ To: other, VerificationSid: sid, Code: code }, 404, 20404],
      [{ VerificationSid: 'VE1', Code: code }, 400, 60200],
      [{ VerificationSid: `VE${'0'.repeat(32)}`, Code: code }, 404, 20404],
    ] as const) {
      const answer = await server.post(path, form)
      assert.deepEqual([answer.status, answer.body.code], [status, expected], JSON.stringify(form))
    }
    assert.equal((await server.post(path, { To: to, Code: '1' })).body.message, 'Invalid parameter: Code')
    const unparsable = (await server.post(path, { To: '+1415x', Code: code })).body
    assert.equal(unparsable.message, 'Invalid parameter `To`: +1415x')
    const fetched = await server.get(`/v2/Services/${server.serviceSid}/Verifications/nobody`)
    assert.deepEqual([fetched.status, fetched.body.code], [404, 20404])
    assert.equal((await server.post(path, { VerificationSid: sid, Code: code })).body.status, 'approved')
  })

  test('a code is good only in its own service', async () => {
    const to = freshNumber()
    await server.start(to)
    const code = await server.lastCode(to)
    const { sid } = (await server.post('/v2/Services', { FriendlyName: 'Other' })).body
    assert.equal(
      (await server.post(`/v2/Services/${sid}/VerificationCheck`, { To: to, Code: code })).status,
      404,
    )
  })

  test('a code is good for its own recipient and its own verification only', async () => {
    const form = { FriendlyName: 'Own codes', CustomCodeEnabled: true }
    const service = `/v2/Services/${(await server.post('/v2/Services', form)).body.sid}`
    const start = async (To: string, CustomCode: string) =>
      (await server.post(`${service}/Verifications`, { To, Channel: 'sms', CustomCode })).body.sid
    const check = async (target: { To: string } | { VerificationSid: string }, Code: string) =>
      (await server.post(`${service}/VerificationCheck`, { ...target, Code })).body.status
    const [one, other] = [freshNumber(), freshNumber()]
    const sid = await start(one, '111111')
    await start(other, '222222')
    assert.equal(await check({ To: other }, '111111'), 'pending')
    await server.post(`${service}/Verifications/${sid}`, { Status: 'canceled' })
    await start(one, '333333')
    assert.equal(await check({ To: one }, '111111'), 'pending')
    assert.equal(await check({ VerificationSid: sid }, '111111'), 404)
    assert.equal(await check({ To: one }, '333333'), 'approved')
  })

  test('a deleted service takes its verifications along', async () => {
    const { sid } = (await server.post('/v2/Services', { FriendlyName: 'Gone soon' })).body
    const to = freshNumber()
    const started = await server.post(`/v2/Services/${sid}/Verifications`, { To: to, Channel: 'sms' })
    assert.equal((await server.del(`/v2/Services/${sid}`)).status, 204)
    for (const answer of [
      await server.get(`/v2/Services/${sid}`),
      await server.get(`/v2/Services/${sid}/Verifications/${started.body.sid}`),
      await server.post(`/v2/Services/${sid}/VerificationCheck`, { To: to, Code: '123456' }),
      await server.post(`/v2/Services/${sid}/Verifications`, { To: to, Channel: 'sms' }),
    ]) {
      assert.deepEqual([answer.status, answer.body.code], [404, 20404])
    }
    const attempt = await server.get(`/v2/Attempts/${started.body.send_code_attempts[0].attempt_sid}`)
    assert.equal(attempt.status, 200, 'what it sent stays listable')
  })
})
