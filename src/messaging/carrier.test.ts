/** Over SMPP, with npm `smpp` as the carrier: what people write, and what goes back to them. */
import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createServer, type Pdu, type Session } from 'smpp'
import { until } from '../../test/support/carrier.ts'
import { type FakeClock, fakeClock } from '../../test/support/clock.ts'
import { startReceiver } from '../../test/support/receiver.ts'
import { type TestServer, testServer } from '../../test/support/server.ts'

const LINE = '+15017122661'
const PERSON = '14155552671'

async function startCarrier(t: TestContext) {
  const sessions: Session[] = []
  const submitted: Pdu[] = []
  const smsc = createServer({}, (session) => {
    sessions.push(session)
    session.on('error', () => {})
    session.on('pdu', (pdu: Pdu) => {
      if (/^(bind_|unbind$|enquire_link$)/.test(pdu.command)) session.send(pdu.response())
      if (pdu.command !== 'submit_sm') return
      submitted.push(pdu)
      session.send(pdu.response({ message_id: `m${submitted.length}` }))
    })
  })
  await new Promise<void>((resolve) => smsc.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    smsc.close()
    for (const session of sessions) session.destroy()
  })
  const { port } = smsc.address() as AddressInfo
  return { port, sessions, submitted }
}

async function serve(t: TestContext, port: number): Promise<{ server: TestServer; clock: FakeClock }> {
  const clock = fakeClock()
  const file = `
providers:
  main: { kind: smpp, host: 127.0.0.1, port: ${port}, system_id: acme, password: secret, source: { addr: Acme } }
channels:
  sms: [main]
numbers:
  ${LINE}: main
`
  const server = await testServer({ clock, file })
  t.after(() => server.close())
  return { server, clock }
}

test('a long message comes in parts, and is answered from the number that it was sent to', async (t) => {
  const carrier = await startCarrier(t)
  const receiver = await startReceiver()
  t.after(() => receiver.close())
  receiver.answer = {
    status: 200,
    headers: { 'content-type': 'text/xml' },
    body: '<Response><Message>Thank you</Message></Response>',
  }
  const { server, clock } = await serve(t, carrier.port)
  const account = `/2010-04-01/Accounts/${server.accountSid}`
  const form = { PhoneNumber: LINE, SmsUrl: `${receiver.url}/sms` }
  assert.equal((await server.post(`${account}/IncomingPhoneNumbers.json`, form)).status, 201)
  await until(async () => {
    await clock.advance('1ms')
    return server.ctx.providers.get('main')?.health().state === 'up'
  })

  const session = carrier.sessions[0] ?? assert.fail()
  const deliver = (n: number, text: string) =>
    new Promise<Pdu>((resolve) =>
      session.deliver_sm(
        {
          source_addr_ton: 1,
          source_addr: PERSON,
          dest_addr_ton: 1,
          destination_addr: LINE.slice(1),
          data_coding: 8,
          short_message: { udh: Buffer.from([5, 0, 3, 9, 2, n]), message: text },
        },
        resolve,
      ),
    )
  assert.equal((await deliver(2, 'и пока')).command_status, 0)
  assert.equal((await deliver(1, 'Привет ')).command_status, 0)
  await until(async () => {
    await clock.advance('1ms')
    return carrier.submitted.length === 1
  })
  assert.equal(new URLSearchParams(receiver.received[0]?.body).get('Body'), 'Привет и пока')
  const [reply] = carrier.submitted
  assert.deepEqual(
    [reply?.source_addr, reply?.source_addr_ton, reply?.destination_addr],
    [LINE.slice(1), 1, PERSON],
  )

  session.deliver_sm({ esm_class: 4, short_message: 'id:m1 stat:DELIVRD err:000' })
  const to = encodeURIComponent(`+${PERSON}`)
  await until(async () => {
    await clock.advance('1ms')
    const { body } = await server.get(`${account}/Messages.json?To=${to}`)
    return body.messages[0]?.status === 'delivered'
  }, 'the receipt')
})
