import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type FakeClock, fakeClock } from '../../../test/support/clock.ts'
import { type Form, type TestServer, testServer } from '../../../test/support/server.ts'

const sid = (prefix: string) => `${prefix}${'0123456789abcdef'.repeat(2)}`

describe('services', () => {
  let server: TestServer
  let clock: FakeClock
  before(async () => {
    clock = fakeClock()
    server = await testServer({ clock })
  })
  after(() => server.close())
  const create = (form: Form = {}) => server.post('/v2/Services', { FriendlyName: 'Shop', ...form })
  const path = (serviceSid: string) => `/v2/Services/${serviceSid}`

  test('a service of only a name has every field, null where nothing is set', async () => {
    const { status, body } = await create()
    assert.equal(status, 201)
    assert.match(body.sid, /^VA[0-9a-f]{32}$/)
    const url = `http://localhost:8080/v2/Services/${body.sid}`
    assert.deepEqual(body, {
      sid: body.sid,
      account_sid: server.accountSid,
      friendly_name: 'Shop',
      code_length: 6,
      lookup_enabled: false,
      psd2_enabled: false,
      skip_sms_to_landlines: false,
      dtmf_input_required: true,
      tts_name: null,
      do_not_share_warning_enabled: false,
      custom_code_enabled: false,
      push: { include_date: false, apn_credential_sid: null, fcm_credential_sid: null },
      totp: { issuer: null, time_step: null, code_length: null, skew: null },
      whatsapp: { msg_service_sid: null, from: null },
      passkeys: {
        relying_party: { id: null, name: null, origins: null },
        authenticator_attachment: null,
        discoverable_credentials: null,
        user_verification: null,
      },
      default_template_sid: null,
      verify_event_subscription_enabled: false,
      date_created: '2026-11-20T12:00:00Z',
      date_updated: '2026-11-20T12:00:00Z',
      url,
      links: {
        verification_checks: `${url}/VerificationCheck`,
        verifications: `${url}/Verifications`,
        rate_limits: `${url}/RateLimits`,
        messaging_configurations: `${url}/MessagingConfigurations`,
        entities: `${url}/Entities`,
        webhooks: `${url}/Webhooks`,
        access_tokens: `${url}/AccessTokens`,
      },
    })
    assert.deepEqual((await server.get(path(body.sid))).body, body)
  })

  /** Of each parameter: what is given, where the answer shows it and as what; what is refused. */
  const PARAMETERS: readonly [name: string, given: string, shown: string, as: unknown, refused: string[]][] =
    [
      [
        'FriendlyName',
        'Größe 1-2_3',
        'friendly_name',
        'Größe 1-2_3',
        ['', ' ', 'a.b', 'x'.repeat(31), '12345'],
      ],
      ['CodeLength', '4', 'code_length', 4, ['3', '11', '4.5', 'four']],
      ['LookupEnabled', 'true', 'lookup_enabled', true, ['yes', '2']],
      ['SkipSmsToLandlines', 'True', 'skip_sms_to_landlines', true, ['yes']],
      ['DtmfInputRequired', 'false', 'dtmf_input_required', false, ['no']],
      ['TtsName', 'Ana', 'tts_name', 'Ana', ['x'.repeat(65)]],
      ['Psd2Enabled', 'true', 'psd2_enabled', true, ['on']],
      ['DoNotShareWarningEnabled', 'true', 'do_not_share_warning_enabled', true, ['x']],
      ['CustomCodeEnabled', 'true', 'custom_code_enabled', true, ['x']],
      ['Push.IncludeDate', 'true', 'push.include_date', true, ['x']],
      ['Push.ApnCredentialSid', sid('CR'), 'push.apn_credential_sid', sid('CR'), [sid('VA'), 'CR1']],
      ['Push.FcmCredentialSid', sid('CR'), 'push.fcm_credential_sid', sid('CR'), [sid('VA')]],
      ['Totp.Issuer', 'ACME', 'totp.issuer', 'ACME', ['x'.repeat(65)]],
      ['Totp.TimeStep', '60', 'totp.time_step', 60, ['19', '61']],
      ['Totp.CodeLength', '8', 'totp.code_length', 8, ['2', '9']],
      ['Totp.Skew', '0', 'totp.skew', 0, ['-1', '3']],
      ['Whatsapp.MsgServiceSid', sid('MG'), 'whatsapp.msg_service_sid', sid('MG'), ['MG']],
      ['Whatsapp.From', 'whatsapp:+14155552671', 'whatsapp.from', 'whatsapp:+14155552671', ['+14155552671']],
      ['Passkeys.RelyingParty.Id', 'a.example', 'passkeys.relying_party.id', 'a.example', ['x'.repeat(254)]],
      ['Passkeys.RelyingParty.Name', 'ACME', 'passkeys.relying_party.name', 'ACME', ['x'.repeat(65)]],
      [
        'Passkeys.RelyingParty.Origins',
        'https://a.example, https://b.example',
        'passkeys.relying_party.origins',
        ['https://a.example', 'https://b.example'],
        ['x'.repeat(2049)],
      ],
      [
        'Passkeys.AuthenticatorAttachment',
        'platform',
        'passkeys.authenticator_attachment',
        'platform',
        ['both'],
      ],
      [
        'Passkeys.DiscoverableCredentials',
        'preferred',
        'passkeys.discoverable_credentials',
        'preferred',
        ['any'],
      ],
      ['Passkeys.UserVerification', 'required', 'passkeys.user_verification', 'required', ['any']],
      ['VerifyEventSubscriptionEnabled', 'true', 'verify_event_subscription_enabled', true, ['x']],
    ]
  const at = (body: object, place: string): unknown =>
    place.split('.').reduce((value, key) => (value as Record<string, unknown>)[key] as object, body)

  test('each parameter is echoed by create, by update, and by the fetch after', async () => {
    for (const [name, given, shown, as] of PARAMETERS) {
      const created = await create({ [name]: given })
      assert.deepEqual([created.status, at(created.body, shown)], [201, as], name)
      const other = (await create()).body
      await clock.advance('1s')
      const updated = await server.post(path(other.sid), { [name]: given })
      assert.deepEqual([updated.status, at(updated.body, shown)], [200, as], name)
      assert.notEqual(updated.body.date_updated, other.date_updated)
      assert.deepEqual((await server.get(path(other.sid))).body, updated.body)
      // Nothing but this has changed.
      const rest = { ...updated.body, date_updated: other.date_updated }
      const [field = ''] = shown.split('.')
      assert.deepEqual({ ...rest, [field]: null }, { ...other, [field]: null }, name)
    }
  })

  test('each parameter refuses what it cannot be, naming itself, and changes nothing', async () => {
    const { body } = await create()
    for (const [name, , , , refused] of PARAMETERS) {
      for (const value of refused) {
        for (const answer of [
          await create({ [name]: value }),
          await server.post(path(body.sid), { CodeLength: 9, [name]: value }),
        ]) {
          assert.deepEqual(
            [answer.status, answer.body.code, answer.body.message],
            [400, 60200, `Invalid parameter: ${name}`],
            value,
          )
        }
      }
    }
    assert.deepEqual((await server.get(path(body.sid))).body, body)
  })

  test('an empty value unsets a text and leaves what is no text', async () => {
    const set = await create(Object.fromEntries(PARAMETERS.map(([name, given]) => [name, given])))
    assert.equal(set.status, 201)
    const cleared = await server.post(path(set.body.sid), {
      TtsName: '',
      'Push.ApnCredentialSid': '',
      'Totp.Issuer': '',
      'Totp.TimeStep': '',
      'Whatsapp.From': '',
      'Passkeys.RelyingParty.Id': '',
      'Passkeys.AuthenticatorAttachment': '',
      CodeLength: '',
      LookupEnabled: '',
    })
    assert.equal(cleared.status, 200)
    const { tts_name, push, totp, whatsapp, passkeys, code_length, lookup_enabled } = cleared.body
    assert.deepEqual(
      [tts_name, push.apn_credential_sid, totp.issuer, whatsapp.from, passkeys.relying_party.id],
      [null, null, null, null, null],
    )
    assert.deepEqual(
      [totp.time_step, code_length, lookup_enabled, passkeys.authenticator_attachment],
      [60, 4, true, ''],
    )
  })

  for (const [what, name, accepted] of [
    ['30 characters', 'x'.repeat(30), true],
    ['30 letters outside the first plane', '𝒳'.repeat(30), true],
    ['four digits', 'Shop 1234', true],
    ['a space, a dash, an underscore', 'My-big_shop 2', true],
    ['31 characters', 'x'.repeat(31), false],
    ['five digits', 'Shop 12345', false],
    ['five Arabic digits', 'Shop ١٢٣٤٥', false],
    ['a link', 'example.com', false],
    ['an address', 'me@example', false],
    ['a line break', 'Shop\nPay', false],
    ['a NUL', 'Shop\0', false],
    ['an emoji', 'Shop 🎉', false],
    ['nothing', '', false],
  ] as const) {
    test(`a name of ${what} is ${accepted ? 'taken' : 'refused'}`, async () => {
      const answer = await create({ FriendlyName: name })
      const expected = accepted ? [201, undefined] : [400, 'Invalid parameter: FriendlyName']
      assert.deepEqual([answer.status, answer.body.message], expected)
    })
  }

  test('a name is needed at create only', async () => {
    const answer = await server.post('/v2/Services', { CodeLength: 5 })
    assert.equal(answer.body.message, 'Invalid parameter: FriendlyName')
    const { body } = await create()
    assert.equal((await server.post(path(body.sid))).status, 200)
  })

  test('a default template would change what is sent: refused', async () => {
    const answer = await create({ DefaultTemplateSid: sid('HJ') })
    assert.deepEqual([answer.status, answer.body.code], [403, 60204])
    assert.match(answer.body.message, /DefaultTemplateSid$/)
    assert.equal((await create({ DefaultTemplateSid: '' })).status, 201)
    assert.equal((await create({ DefaultTemplateSid: 'HJ1' })).status, 400)
  })

  test('of updates at once each changes what it names: none undoes another', async () => {
    const { body } = await create()
    const answers = await Promise.all(
      PARAMETERS.map(([name, given]) => server.post(path(body.sid), { [name]: given })),
    )
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
    const changed = (await server.get(path(body.sid))).body
    for (const [name, , shown, as] of PARAMETERS) assert.deepEqual(at(changed, shown), as, name)
  })

  test('what is read while a service changes is never kept beyond the change', async () => {
    const { body } = await create()
    for (let length = 4; length <= 10; length++) {
      const reads = () => Array.from({ length: 5 }, () => server.get(path(body.sid)))
      await Promise.all([...reads(), server.post(path(body.sid), { CodeLength: length }), ...reads()])
      assert.equal((await server.get(path(body.sid))).body.code_length, length)
    }
  })

  test('deleted: 204 without a body, then 404 for good, and no update revives it', async () => {
    const { body } = await create()
    const answers = await Promise.all([
      server.del(path(body.sid)),
      server.post(path(body.sid), { CodeLength: 5 }),
      server.get(path(body.sid)),
    ])
    assert.deepEqual([answers[0].status, answers[0].body], [204, undefined])
    for (const answer of [
      await server.get(path(body.sid)),
      await server.post(path(body.sid), { CodeLength: 7 }),
      await server.del(path(body.sid)),
    ]) {
      assert.deepEqual(
        [answer.status, answer.body.message],
        [404, `The requested resource /Services/${body.sid} was not found`],
      )
    }
    const { services } = (await server.get('/v2/Services?PageSize=1000')).body
    assert.ok(!services.some((service: { sid: string }) => service.sid === body.sid))
  })

  for (const name of ['VA1', sid('VA'), sid('AC'), '%00', '%2B14155552671', 'x'.repeat(600)]) {
    test(`a service named ${name.slice(0, 40)} is not there`, async () => {
      const answer = await server.get(path(name))
      assert.deepEqual([answer.status, answer.body.code], [404, 20404])
    })
  }
})

describe('the list of services', () => {
  let server: TestServer
  let clock: FakeClock
  before(async () => {
    clock = fakeClock()
    server = await testServer({ clock })
  })
  after(() => server.close())

  test('newest first; its pages lead on and back, and know both ends', async () => {
    for (const name of ['one', 'two', 'three', 'four']) {
      await clock.advance('1s')
      await server.post('/v2/Services', { FriendlyName: name })
    }
    const names = (body: { services: { friendly_name: string }[] }) =>
      body.services.map((service) => service.friendly_name)
    const follow = (url: string) => server.get(url.replace('http://localhost:8080', ''))

    const first = (await server.get('/v2/Services?PageSize=2')).body
    assert.deepEqual(names(first), ['four', 'three'])
    const { next_page_url: next, ...meta } = first.meta
    const url = 'http://localhost:8080/v2/Services?PageSize=2&Page=0'
    assert.deepEqual(meta, {
      page: 0,
      page_size: 2,
      first_page_url: url,
      previous_page_url: null,
      url,
      key: 'services',
    })
    const second = (await follow(next)).body
    assert.deepEqual([names(second), second.meta.page], [['two', 'one'], 1])
    const third = (await follow(second.meta.next_page_url)).body
    assert.deepEqual([names(third), third.meta.next_page_url], [['Test'], null])
    const back = (await follow(third.meta.previous_page_url)).body
    assert.deepEqual([names(back), back.meta.page], [['two', 'one'], 1])
    const start = (await follow(back.meta.previous_page_url)).body
    assert.deepEqual([names(start), start.meta.previous_page_url], [['four', 'three'], null])
    assert.deepEqual(names((await server.get('/v2/Services')).body), ['four', 'three', 'two', 'one', 'Test'])
  })
})
