import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import twilio from 'twilio'
import { type FakeClock, fakeClock } from '../support/clock.ts'
import { freshNumber, type TestServer, testServer } from '../support/server.ts'
import { runExample } from './example.ts'

const START = '2026-11-20T12:00:00Z'
const MINUTE_MS = 60_000
const credential = (letter: string) => `CR${letter.repeat(32)}`

/** All that a service can be told but for templates, which are not built yet. */
const EVERY_SETTING = {
  friendlyName: 'From Node',
  codeLength: 8,
  lookupEnabled: true,
  skipSmsToLandlines: true,
  dtmfInputRequired: false,
  ttsName: 'polly',
  psd2Enabled: true,
  doNotShareWarningEnabled: true,
  customCodeEnabled: true,
  'push.includeDate': true,
  'push.apnCredentialSid': credential('a'),
  'push.fcmCredentialSid': credential('b'),
  'totp.issuer': 'Acme',
  'totp.timeStep': 40,
  'totp.codeLength': 7,
  'totp.skew': 2,
  'whatsapp.msgServiceSid': `MG${'c'.repeat(32)}`,
  'whatsapp.from': 'whatsapp:+14155552671',
  'passkeys.relyingParty.id': 'acme.example',
  'passkeys.relyingParty.name': 'Acme',
  'passkeys.relyingParty.origins': 'acme.example,login.acme.example',
  'passkeys.authenticatorAttachment': 'platform',
  'passkeys.discoverableCredentials': 'preferred',
  'passkeys.userVerification': 'required',
  verifyEventSubscriptionEnabled: true,
}

/** What the SDK throws: the server's own words, not the SDK's guesses. */
const refusal = (status: number, code: number, message?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof twilio.RestException)
  assert.deepEqual(
    [error.status, error.code, error.moreInfo],
    [status, code, `https://www.twilio.com/docs/errors/${code}`],
  )
  if (message) assert.match(error.message, message)
  return true
}

describe('the official Node SDK', () => {
  let server: TestServer
  let clock: FakeClock
  let url: string
  let client: twilio.Twilio
  before(async () => {
    clock = fakeClock(Date.parse(START))
    server = await testServer({ clock })
    url = await server.listen()
    client = connect(server.accountSid, server.authToken)
  })
  after(() => server.close())

  function connect(accountSid: string, authToken: string): twilio.Twilio {
    const made = twilio(accountSid, authToken)
    made.verify.baseUrl = url
    return made
  }
  const services = () => client.verify.v2.services
  const service = () => services()(server.serviceSid)

  describe('services', () => {
    test('every setting is kept, by its type', async () => {
      const made = await services().create(EVERY_SETTING)
      const { sid } = made
      assert.match(sid, /^VA[0-9a-f]{32}$/)
      assert.deepEqual(
        { ...made.toJSON(), links: Object.keys(made.links) },
        {
          sid,
          accountSid: server.accountSid,
          friendlyName: 'From Node',
          codeLength: 8,
          lookupEnabled: true,
          psd2Enabled: true,
          skipSmsToLandlines: true,
          dtmfInputRequired: false,
          ttsName: 'polly',
          doNotShareWarningEnabled: true,
          customCodeEnabled: true,
          push: {
            include_date: true,
            apn_credential_sid: credential('a'),
            fcm_credential_sid: credential('b'),
          },
          totp: { issuer: 'Acme', time_step: 40, code_length: 7, skew: 2 },
          defaultTemplateSid: null,
          whatsapp: { msg_service_sid: `MG${'c'.repeat(32)}`, from: 'whatsapp:+14155552671' },
          passkeys: {
            relying_party: {
              id: 'acme.example',
              name: 'Acme',
              origins: ['acme.example', 'login.acme.example'],
            },
            authenticator_attachment: 'platform',
            discoverable_credentials: 'preferred',
            user_verification: 'required',
          },
          verifyEventSubscriptionEnabled: true,
          dateCreated: new Date(START),
          dateUpdated: new Date(START),
          url: `${url}/v2/Services/${sid}`,
          links: [
            'verification_checks',
            'verifications',
            'rate_limits',
            'messaging_configurations',
            'entities',
            'webhooks',
            'access_tokens',
          ],
        },
      )
      assert.deepEqual((await services()(sid).fetch()).toJSON(), made.toJSON())
      await services()(sid).remove()
    })

    test('an update changes what it names, and each setting can be named', async () => {
      const { sid } = await services().create({ friendlyName: 'Before' })
      await clock.advance('1m')
      const renamed = await services()(sid).update({ friendlyName: 'After' })
      assert.deepEqual([renamed.friendlyName, renamed.codeLength], ['After', 6])
      assert.equal(renamed.dateUpdated.getTime() - renamed.dateCreated.getTime(), MINUTE_MS)
      const updated = await services()(sid).update(EVERY_SETTING)
      const made = await services().create(EVERY_SETTING)
      const settingsOf = (json: object) =>
        Object.entries(json).filter(([name]) => !/^(sid|url|links|date.*)$/.test(name))
      assert.deepEqual(settingsOf(updated.toJSON()), settingsOf(made.toJSON()))
      for (const one of [updated, made]) await services()(one.sid).remove()
    })

    test('a service that was removed is gone', async () => {
      const { sid } = await services().create({ friendlyName: 'Short lived' })
      assert.equal(await services()(sid).remove(), true)
      await assert.rejects(services()(sid).fetch(), refusal(404, 20404))
      await assert.rejects(services()(sid).remove(), refusal(404, 20404))
    })

    test('lists go page by page, there and back', async () => {
      const sids = [server.serviceSid]
      for (const name of ['Two', 'Three', 'Four', 'Five']) {
        await clock.advance('1s')
        sids.unshift((await services().create({ friendlyName: name })).sid)
      }
      const sidsOf = (list: { sid: string }[]) => list.map(({ sid }) => sid)
      assert.deepEqual(sidsOf(await services().list({ pageSize: 2 })), sids)
      assert.deepEqual(sidsOf(await services().list({ limit: 3, pageSize: 2 })), sids.slice(0, 3))

      const each: string[] = []
      await new Promise<void>((resolve, reject) =>
        services().each({
          pageSize: 2,
          callback: ({ sid }) => void each.push(sid),
          done: (error: Error | undefined) => (error ? reject(error) : resolve()),
        }),
      )
      assert.deepEqual(each, sids)

      const first = await services().page({ pageSize: 2 })
      const second = await first.nextPage()
      const third = await second?.nextPage()
      assert.deepEqual(
        [first, second, third].map((page) => sidsOf(page?.instances ?? [])),
        [sids.slice(0, 2), sids.slice(2, 4), sids.slice(4)],
      )
      assert.equal(third?.nextPageUrl, undefined)
      assert.equal(first.previousPageUrl, undefined)
      const back = await third?.previousPage()
      assert.deepEqual(sidsOf(back?.instances ?? []), sids.slice(2, 4))
      const again = await services().getPage(second?.nextPageUrl ?? '')
      assert.deepEqual(sidsOf(again.instances), sids.slice(4))
      for (const sid of sids.slice(0, -1)) await services()(sid).remove()
    })
  })

  describe('verifications', () => {
    test('a code is sent and checked', async () => {
      const to = freshNumber()
      const started = await service().verifications.create({ to, channel: 'sms' })
      const nowMs = clock.now()
      const [send] = started.sendCodeAttempts
      assert.match(send.attempt_sid, /^VL[0-9a-f]{32}$/)
      assert.deepEqual(started.toJSON(), {
        sid: started.sid,
        serviceSid: server.serviceSid,
        accountSid: server.accountSid,
        to,
        channel: 'sms',
        status: 'pending',
        valid: false,
        lookup: {},
        amount: null,
        payee: null,
        sendCodeAttempts: [
          {
            time: `${new Date(nowMs).toISOString().slice(0, 19)}Z`,
            channel: 'SMS',
            attempt_sid: send.attempt_sid,
          },
        ],
        dateCreated: new Date(nowMs),
        dateUpdated: new Date(nowMs),
        sna: null,
        url: `${url}/v2/Services/${server.serviceSid}/Verifications/${started.sid}`,
      })
      for (const name of [started.sid, to]) {
        assert.deepEqual((await service().verifications(name).fetch()).toJSON(), started.toJSON())
      }

      const code = await server.lastCode(to)
      const wrong = await service().verificationChecks.create({ to, code: '0000' })
      assert.deepEqual([wrong.status, wrong.valid], ['pending', false])
      const right = await service().verificationChecks.create({ verificationSid: started.sid, code })
      assert.deepEqual(right.toJSON(), {
        sid: started.sid,
        serviceSid: server.serviceSid,
        accountSid: server.accountSid,
        to,
        channel: 'sms',
        status: 'approved',
        valid: true,
        amount: null,
        payee: null,
        dateCreated: new Date(nowMs),
        dateUpdated: new Date(nowMs),
        snaAttemptsErrorCodes: [],
      })
      await assert.rejects(
        service().verificationChecks.create({ to, code }),
        refusal(404, 20404, /^The requested resource \/Services\/VA\w+\/VerificationCheck was not found$/),
      )
    })

    test('every parameter of a start is taken', async () => {
      const bound = await services().create({
        friendlyName: 'Bound',
        psd2Enabled: true,
        customCodeEnabled: true,
        lookupEnabled: true,
      })
      const to = freshNumber()
      const payment = { amount: '€39.99', payee: 'Acme Inc.' }
      const started = await services()(bound.sid).verifications.create({
        to,
        channel: 'sms',
        customFriendlyName: 'Acme Bank',
        customMessage: '',
        sendDigits: 'ww1',
        locale: 'de',
        customCode: '314159',
        ...payment,
        rateLimits: { end_user_ip: '192.0.2.1' },
        channelConfiguration: { from: 'codes@acme.example', from_name: 'Acme' },
        appHash: 'He42w354ol9',
        templateSid: '',
        templateCustomSubstitutions: '',
        templates: '',
        deviceIp: '192.0.2.1',
        enableSnaClientToken: false,
        riskCheck: 'disable',
        tags: JSON.stringify({ tenant: '12345' }),
      })
      assert.deepEqual([started.amount, started.payee], Object.values(payment))
      assert.equal(typeof started.lookup.carrier.type, 'string')
      assert.equal(await server.lastCode(to), '314159')
      const check = { to, code: '314159', snaClientToken: '' }
      const checks = services()(bound.sid).verificationChecks
      assert.equal((await checks.create({ ...check, ...payment, amount: '€3999' })).valid, false)
      const right = await checks.create({ ...check, ...payment })
      assert.deepEqual([right.valid, right.amount, right.payee], [true, ...Object.values(payment)])
      await services()(bound.sid).remove()
    })

    test('each channel sends', async () => {
      const address = 'ann@acme.example'
      for (const [channel, to] of [
        ['call', freshNumber()],
        ['email', address],
        ['whatsapp', freshNumber()],
        ['auto', freshNumber()],
      ] as const) {
        const started = await service().verifications.create({ to, channel })
        assert.equal(started.channel, channel === 'auto' ? 'sms' : channel)
        const code = await server.lastCode(to)
        assert.equal((await service().verificationChecks.create({ to, code })).status, 'approved')
      }
    })

    test('an update ends it, by sid or by recipient', async () => {
      const to = freshNumber()
      const { sid } = await service().verifications.create({ to, channel: 'sms' })
      const canceled = await service().verifications(sid).update({ status: 'canceled' })
      assert.deepEqual([canceled.sid, canceled.status, canceled.valid], [sid, 'canceled', false])
      const next = await service().verifications.create({ to, channel: 'sms' })
      const approved = await service().verifications(to).update({ status: 'approved' })
      assert.deepEqual([approved.sid, approved.status, approved.valid], [next.sid, 'approved', true])
    })

    test('a refusal is a RestException with the documented code', async () => {
      const to = freshNumber()
      const verifications = service().verifications
      await assert.rejects(
        verifications.create({ to: 'nobody', channel: 'sms' }),
        refusal(400, 60200, /^Invalid parameter `To`: nobody$/),
      )
      await assert.rejects(
        verifications.create({ to, channel: 'sms', customCode: '1234' }),
        refusal(403, 60204, /CustomCode/),
      )
      await assert.rejects(
        verifications.create({ to, channel: 'sms', templates: '[{"sid":"HJ0"}]' }),
        refusal(403, 60204, /Templates/),
      )
      await assert.rejects(service().verificationChecks.create({ code: '1234' }), refusal(400, 60221))
      await assert.rejects(
        connect(server.accountSid, 'wrong').verify.v2.services.list(),
        refusal(401, 20003, /^Authenticate$/),
      )
      await assert.rejects(service().rateLimits.list(), refusal(404, 20404, /is not built yet$/))
    })

    test('the sixth send and the sixth guess are refused', async () => {
      const [sent, guessed] = [freshNumber(), freshNumber()]
      for (let send = 1; send <= 5; send++) await service().verifications.create({ to: sent, channel: 'sms' })
      const sixth = service().verifications.create({ to: sent, channel: 'sms' })
      await assert.rejects(sixth, refusal(429, 60203, /^Max send attempts reached$/))
      await service().verifications.create({ to: guessed, channel: 'sms' })
      const guess = () => service().verificationChecks.create({ to: guessed, code: '0000' })
      for (let wrong = 1; wrong <= 5; wrong++) assert.equal((await guess()).status, 'pending')
      await assert.rejects(guess(), refusal(429, 60202, /^Max check attempts reached$/))
    })
  })

  describe('attempts', () => {
    const attempts = () => client.verify.v2.verificationAttempts
    const summary = () => client.verify.v2.verificationAttemptsSummary()
    const german = '+4915112345678'
    const address = 'bob@acme.example'
    let own: string
    let converted: { sid: string; sendCodeAttempts: { attempt_sid: string }[] }
    let betweenMs: number

    before(async () => {
      own = (await services().create({ friendlyName: 'Counted' })).sid
      const { verifications, verificationChecks } = services()(own)
      await clock.advance('1m')
      converted = await verifications.create({ to: german, channel: 'sms' })
      await verificationChecks.create({ to: german, code: await server.lastCode(german) })
      await clock.advance('1m')
      betweenMs = clock.now()
      await clock.advance('1m')
      await verifications.create({ to: freshNumber(), channel: 'call' })
      await verifications.create({ to: address, channel: 'email' })
      await server.ctx.delivery.drained()
    })

    test('one is fetched with all its fields', async () => {
      const sid = converted.sendCodeAttempts[0]?.attempt_sid ?? ''
      const attempt = await attempts()(sid).fetch()
      assert.deepEqual(
        { ...attempt.toJSON(), dateUpdated: attempt.dateUpdated instanceof Date },
        {
          sid,
          accountSid: server.accountSid,
          serviceSid: own,
          verificationSid: converted.sid,
          dateCreated: new Date(betweenMs - MINUTE_MS),
          dateUpdated: true,
          conversionStatus: 'converted',
          channel: 'sms',
          price: { value: '0', currency: 'usd' },
          channelData: {
            verification_sid: converted.sid,
            to: german,
            status: 'confirmed',
            message_status: 'delivered',
            error_code: null,
            country: 'DE',
            code_length: 6,
            locale: 'de',
            mcc: null,
            mnc: null,
            carrier: null,
          },
          url: `${url}/v2/Attempts/${sid}`,
        },
      )
      await assert.rejects(attempts()(`VL${'0'.repeat(32)}`).fetch(), refusal(404, 20404))
    })

    test('each filter of the list filters', async () => {
      const channelsOf = async (filter: object) =>
        (await attempts().list({ verifyServiceSid: own, pageSize: 1, ...filter })).map(
          ({ channel }) => channel,
        )
      const between = new Date(betweenMs)
      assert.deepEqual((await channelsOf({})).sort(), ['call', 'email', 'sms'])
      assert.deepEqual((await channelsOf({ dateCreatedAfter: between })).sort(), ['call', 'email'])
      assert.deepEqual(await channelsOf({ dateCreatedBefore: between }), ['sms'])
      assert.deepEqual(await channelsOf({ 'channelData.to': german }), ['sms'])
      assert.deepEqual(await channelsOf({ country: 'DE' }), ['sms'])
      assert.deepEqual(await channelsOf({ channel: 'email' }), ['email'])
      assert.deepEqual(await channelsOf({ verificationSid: converted.sid }), ['sms'])
      assert.deepEqual(await channelsOf({ status: 'converted' }), ['sms'])
      assert.deepEqual((await channelsOf({ status: 'unconverted' })).sort(), ['call', 'email'])
      assert.deepEqual(await channelsOf({ channel: 'rbm' }), [])
      assert.deepEqual(await channelsOf({ status: 'unconverted', country: 'DE' }), [])
    })

    test('the filters stay in the addresses of the pages', async () => {
      const first = await attempts().page({ verifyServiceSid: own, status: 'unconverted', pageSize: 1 })
      const second = await first.nextPage()
      const third = await second?.nextPage()
      assert.deepEqual(
        [first, second, third].map((page) => page?.instances.length),
        [1, 1, undefined],
      )
      assert.notEqual(first.instances[0]?.sid, second?.instances[0]?.sid)
    })

    test('the summary counts what its filters leave', async () => {
      const count = async (filter: object) => {
        const { totalAttempts, totalConverted, totalUnconverted, conversionRatePercentage } =
          await summary().fetch({
            verifyServiceSid: own,
            ...filter,
          })
        return [totalAttempts, totalConverted, totalUnconverted, conversionRatePercentage]
      }
      const between = new Date(betweenMs)
      assert.deepEqual(await count({}), [3, 1, 2, '33.333333333'])
      assert.deepEqual(await count({ dateCreatedAfter: between }), [2, 0, 2, '0'])
      assert.deepEqual(await count({ dateCreatedBefore: between }), [1, 1, 0, '100'])
      assert.deepEqual(await count({ country: 'DE' }), [1, 1, 0, '100'])
      assert.deepEqual(await count({ channel: 'call' }), [1, 0, 1, '0'])
      assert.deepEqual(await count({ destinationPrefix: '+4915' }), [1, 1, 0, '100'])
      const all = await summary().fetch()
      assert.equal(all.url, `${url}/v2/Attempts/Summary`)
      assert.ok(all.totalAttempts > 3)
    })
  })

  test('runs the example', async () => {
    const printed = await runExample(server, url, process.execPath, 'node/verify.mjs', freshNumber())
    assert.match(printed, /^(VE[0-9a-f]{32}) is pending\nCode: \1 is approved\n$/)
  })
})
