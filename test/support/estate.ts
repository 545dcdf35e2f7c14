import assert from 'node:assert/strict'
import { addCallerId } from '../../src/accounts/caller-ids/caller-id.ts'
import { buildFunctions, type FunctionsEstate } from './functions.ts'
import { type Form, freshNumber, type TestServer } from './server.ts'

/** One of everything that an account can have. */
export interface Estate {
  accountSid: string
  serviceSid: string
  to: string
  code: string
  verificationSid: string
  attemptSid: string
  keySid: string
  ipListSid: string
  callerIdSid: string
  triggerSid: string
  numberSid: string
  messageSid: string
  /** The number itself. */
  number: string
  eventSid: string
  alertSid: string
  functions: FunctionsEstate
  /** What the owner can read of it, and nobody else may. */
  marks: readonly string[]
}

/** Furnishes the server's own account. */
export async function buildEstate(server: TestServer): Promise<Estate> {
  const { ctx, accountSid, authToken } = server
  const make = async (path: string, form: Form): Promise<{ sid: string }> => {
    const { status, body } = await server.post(path, form)
    assert.equal(status, 201, `${path}: ${JSON.stringify(body)}`)
    return body
  }
  const account = `/2010-04-01/Accounts/${accountSid}`
  const { sid: serviceSid } = await make('/v2/Services', { FriendlyName: 'Heirloom' })
  const to = freshNumber()
  const path = `/v2/Services/${serviceSid}/Verifications`
  const { body: verification } = await server.post(path, { To: to, Channel: 'sms' })
  const code = await server.lastCode(to)
  const { sid: keySid } = await make(`${account}/Keys.json`, { FriendlyName: 'Skeleton key' })
  const network = { FriendlyName: 'Drawbridge', Cidr: '127.0.0.0/8' }
  const { sid: ipListSid } = await make('/v1/IpAccessLists', network)
  const { sid: triggerSid } = await make(`${account}/Usage/Triggers.json`, {
    FriendlyName: 'Tripwire',
    CallbackUrl: 'https://example.com/',
    TriggerValue: '1000',
    UsageCategory: 'totalprice',
  })
  const [number, line] = [freshNumber(), freshNumber()]
  const { sid: numberSid } = await make(`${account}/IncomingPhoneNumbers.json`, {
    PhoneNumber: line,
    FriendlyName: 'Hotline',
  })
  const letter = { To: to, From: line, Body: 'Mind the stairs' }
  const { sid: messageSid } = await make(`${account}/Messages.json`, letter)
  await ctx.messaging.drained()
  const owner = { accountSid, actorSid: accountSid, actorType: 'account', sourceIp: '127.0.0.1' } as const
  const callerId = await ctx.storage.write((tx) => addCallerId(ctx, tx, owner, number, 'Doorbell'))
  ctx.alerts.raise({ accountSid, errorCode: '20006', text: 'A draught', resourceSid: accountSid })
  await ctx.alerts.flush({ all: true })
  const { marks, ...functions } = await buildFunctions(server)
  const { body: events } = await server.get(`/v1/Events?ResourceSid=${keySid}`)
  const { body: alerts } = await server.get('/v1/Alerts')
  const attemptSid = verification.send_code_attempts[0].attempt_sid
  const sids = [serviceSid, verification.sid, attemptSid, keySid, ipListSid, triggerSid, callerId.sid]
  sids.push(numberSid, messageSid)
  const names = [
    'Heirloom',
    'Skeleton key',
    'Drawbridge',
    'Tripwire',
    'Doorbell',
    'A draught',
    'Hotline',
    'Mind the stairs',
  ]
  return {
    accountSid,
    serviceSid,
    to,
    code,
    verificationSid: verification.sid,
    attemptSid,
    keySid,
    ipListSid,
    callerIdSid: callerId.sid,
    triggerSid,
    numberSid,
    messageSid,
    number: line,
    eventSid: events.events[0].sid,
    alertSid: alerts.alerts[0].sid,
    functions,
    marks: [
      ...marks,
      authToken,
      to,
      code,
      number,
      line,
      ...sids,
      ...names,
      events.events[0].sid,
      alerts.alerts[0].sid,
    ],
  }
}
