import assert from 'node:assert/strict'
import { after, before, describe, type TestContext, test } from 'node:test'
import { addAccount, callerIds, verifyNumber } from '../../test/support/account.ts'
import { busy, carrier, deliveryLab } from '../../test/support/carrier.ts'
import { type Form, freshNumber, type TestServer, testServer } from '../../test/support/server.ts'
import { emailMessage } from '../delivery/channels/email.ts'
import { smsText } from '../delivery/channels/sms.ts'
import { spokenText } from '../delivery/channels/voice.ts'
import { segmentCount } from '../delivery/gsm.ts'
import { asOperator, endTrial } from './administer.ts'
import { addCallerId } from './caller-ids/caller-id.ts'

describe('trial accounts', () => {
  let server: TestServer
  before(async () => {
    server = await testServer()
  })
  after(() => server.close())

  interface Trial {
    sid: string
    authorization: string
    serviceSid: string
  }
  const openTrial = async (parentSid?: string): Promise<Trial> => {
    const account = await addAccount(server.ctx, 'active', 'Trial', parentSid)
    const service = await server.post('/v2/Services', { FriendlyName: 'Shop' }, account.authorization)
    return { ...account, serviceSid: service.body.sid }
  }
  const start = (trial: Trial, To: string, form: Form = {}) =>
    server.post(
      `/v2/Services/${trial.serviceSid}/Verifications`,
      { To, Channel: 'sms', ...form },
      trial.authorization,
    )
  const textTo = async (trial: Trial, to: string) => {
    await server.ctx.delivery.drained()
    const path = `/inbox/messages?To=${encodeURIComponent(to)}`
    return (await server.get(path, trial.authorization)).body.messages[0]?.body
  }
  const upgrade = (account: string) => endTrial(server.ctx, { account })

  test('the first account is a full one', async () => {
    const { body } = await server.get(`/2010-04-01/Accounts/${server.accountSid}.json`)
    assert.equal(body.type, 'Full')
    assert.equal((await server.start(freshNumber())).status, 201)
  })

  test('only a verified caller id gets messages, on every channel', async () => {
    const trial = await openTrial()
    const to = freshNumber()
    for (const Channel of ['sms', 'call', 'whatsapp']) {
      const { status, body } = await start(trial, to, { Channel })
      assert.deepEqual([status, body.code], [403, 21608], Channel)
    }
    assert.equal((await start(trial, 'ann@example.com', { Channel: 'email' })).body.code, 21608)
    assert.equal(await textTo(trial, to), undefined)
    await verifyNumber(server, to, trial)
    for (const Channel of ['sms', 'call', 'whatsapp']) {
      assert.equal((await start(trial, to, { Channel })).status, 201, Channel)
    }
    assert.equal((await start(trial, freshNumber())).body.code, 21608)
  })

  test("another account's caller id is none", async () => {
    const [trial, other] = [await openTrial(), await openTrial()]
    const to = freshNumber()
    await verifyNumber(server, to, other)
    assert.equal((await start(trial, to)).body.code, 21608)
  })

  test('messages begin with a heading', async () => {
    const trial = await openTrial()
    const to = freshNumber()
    await verifyNumber(server, to, trial)
    await start(trial, to)
    assert.match(await textTo(trial, to), /^Trial account\nYour Shop verification code is: \d{6}$/)
    await start(trial, to, { Channel: 'call' })
    assert.match(await textTo(trial, to), /^This call is from a trial account\. Hello\. /)
  })

  test('has no subaccounts', async () => {
    const { authorization } = await openTrial()
    const { status, body } = await server.post('/2010-04-01/Accounts.json', {}, authorization)
    assert.deepEqual([status, body.code], [403, 20006])
  })

  test('an upgrade ends both, for subaccounts as well, at their next request', async () => {
    const trial = await openTrial()
    const subTrial = await openTrial(trial.sid)
    assert.equal((await start(subTrial, freshNumber())).status, 403)

    const upgraded = await upgrade(trial.sid)
    assert.equal(upgraded.type, 'Full')
    const to = freshNumber()
    assert.equal((await start(trial, to)).status, 201)
    assert.match(await textTo(trial, to), /^Your Shop/)
    assert.equal((await start(subTrial, freshNumber())).status, 201)
    // Again changes nothing.
    assert.deepEqual(await upgrade(trial.sid), upgraded)
    const events = (await server.get('/v1/Events?EventType=account.upgraded', trial.authorization)).body
      .events
    assert.deepEqual(
      events.map((event: Record<string, string>) => event.resource_sid).sort(),
      [trial.sid, subTrial.sid].sort(),
    )
  })
})

describe('what waits to be sent by a trial account', () => {
  /** A message to a number that was verified, and which no carrier takes yet. */
  const begin = async (t: TestContext) => {
    const lab = await deliveryLab({})
    t.after(() => lab.server.close())
    const { server } = lab
    const trial = await addAccount(server.ctx, 'active', 'Trial')
    const to = freshNumber()
    const { sid } = await server.ctx.storage.system.write((tx) =>
      addCallerId(server.ctx, tx, asOperator(trial.sid), to, 'Mine'),
    )
    const uri = callerIds(server, trial.sid).replace('.json', `/${sid}.json`)
    const service = await server.post('/v2/Services', { FriendlyName: 'Shop' }, trial.authorization)
    const slow = carrier('slow', () => busy())
    await lab.carryBy({ sms: [slow] })
    const path = `/v2/Services/${service.body.sid}/Verifications`
    const { status } = await server.post(path, { To: to, Channel: 'sms' }, trial.authorization)
    assert.equal(status, 201)
    await server.ctx.delivery.drained()
    assert.equal(slow.sent.length, 1)
    const carryOn = async (): Promise<number> => {
      const sound = carrier('sound')
      await lab.carryBy({ sms: [sound] })
      await lab.seconds(60)
      return sound.sent.length
    }
    return { server, trial, carryOn, remove: () => server.del(uri, trial.authorization) }
  }

  test('goes to a number that is still verified', async (t) => {
    const { carryOn } = await begin(t)
    assert.equal(await carryOn(), 1)
  })

  test('does not go to one that was removed', async (t) => {
    const { server, trial, carryOn, remove } = await begin(t)
    assert.equal((await remove()).status, 204)
    assert.equal(await carryOn(), 0)
    const { attempts } = (await server.get('/v2/Attempts', trial.authorization)).body
    assert.equal(attempts.length, 1)
    const { body } = await server.get(`/delivery/attempts/${attempts[0].sid}`, trial.authorization)
    assert.equal(body.status, 'canceled')
  })

  test('goes wherever it should once the trial is over', async (t) => {
    const { server, trial, carryOn, remove } = await begin(t)
    await remove()
    await endTrial(server.ctx, { account: trial.sid })
    assert.equal(await carryOn(), 1)
  })
})

describe('the heading', () => {
  const base = { code: '123456', friendlyName: 'Shop', trial: true }

  test('leaves room for a name of the greatest length, in one segment', () => {
    const text = smsText({ ...base, locale: 'en', friendlyName: 'A name with thirty characters' })
    assert.equal(segmentCount(text), 1)
    assert.match(text, /A name with thirty characters/)
  })

  test('costs the name, not the code, where the room is short', () => {
    const text = smsText({
      ...base,
      locale: 'en',
      friendlyName: 'Thirty characters of a service',
      doNotShare: true,
    })
    assert.equal(segmentCount(text), 1)
    assert.match(text, /^Trial account\nYour \S.* verification code is: 123456\./)
  })

  test('stands behind the mark by which Android finds the app', () => {
    const text = smsText({ ...base, locale: 'en', appHash: 'abcdefghijk' })
    assert.match(text, /^<#> Trial account\nYour Shop.*123456\nabcdefghijk$/s)
  })

  test('is a paragraph of its own before a text from right to left', () => {
    assert.match(smsText({ ...base, locale: 'ar' }), /^Trial account\n\p{Script=Arabic}/u)
  })

  test('is in mails and calls', () => {
    const mail = emailMessage(base)
    assert.match(mail.subject, /^Trial account: Your Shop/)
    assert.match(mail.text, /^Trial account: Your Shop/)
    assert.match(mail.html, /<p>Trial account: Your Shop/)
    assert.match(spokenText({ ...base, locale: 'en' }), /^This call is from a trial account\. /)
  })

  test('is in no other message', () => {
    const full = { ...base, trial: undefined, locale: 'en' } as const
    for (const text of [smsText(full), spokenText(full), emailMessage(full).text])
      assert.doesNotMatch(text, /trial/i)
  })
})
