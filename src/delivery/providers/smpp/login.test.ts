import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer as createTcpServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { createServer, type Session as PeerSession } from 'smpp'
import { makeSelfSigned } from '../../../../test/support/certificate.ts'
import { makeTemporaryDirectory } from '../../../../test/support/engines.ts'
import { listen, rawSmsc, smppOptions, testClock, until } from '../../../../test/support/smpp-lab.ts'
import { tryLogin } from './login.ts'
import type { SmppOptions } from './options.ts'
import { COMMAND, type Pdu } from './pdu.ts'

const PASSWORD = 'pa55word'

/** npm `smpp` as SMSC: it knows one account. */
async function startSmsc(t: TestContext) {
  const sessions: PeerSession[] = []
  const seen: string[] = []
  const server = createServer({}, (session) => {
    sessions.push(session)
    session.on('error', () => {})
    session.on('pdu', (pdu) => {
      seen.push(pdu.command)
      const isRight = pdu.system_id === 'acme' && pdu.password === PASSWORD
      const isBind = pdu.command.startsWith('bind_')
      if (isBind || pdu.command === 'unbind')
        session.send(pdu.response(isBind && !isRight ? { command_status: 0x0e } : {}))
    })
  })
  t.after(() => {
    server.close()
    for (const session of sessions) session.destroy()
  })
  return { port: await listen(server), seen }
}

const logIn = (port: number, more: Partial<SmppOptions> = {}, clock = testClock()) =>
  tryLogin(smppOptions(port, { password: PASSWORD, ...more }), clock)

test('it binds and unbinds, once as each role', async (t) => {
  const { port, seen } = await startSmsc(t)
  assert.equal(await logIn(port, { sessions: 3 }), undefined)
  assert.deepEqual(seen.splice(0), ['bind_transceiver', 'unbind'])
  assert.equal(await logIn(port, { bind: 'split' }), undefined)
  assert.deepEqual(seen, ['bind_transmitter', 'unbind', 'bind_receiver', 'unbind'])
})

test('a wrong password is called that, and not told', async (t) => {
  const { port } = await startSmsc(t)
  const obstacle = await logIn(port, { password: 'wr0ng-0n' })
  assert.equal(obstacle?.fault, 'refuses the password: 0x0000000E')
  assert.ok(!JSON.stringify(obstacle).includes('wr0ng-0n'))
})

for (const [status, fault, isPassing] of [
  [0x0f, /does not know the system_id/, undefined],
  [0x05, /has a session of this account/, true],
  [0x58, /refuses the bind: 0x00000058/, true],
  [0x0d, /refuses the bind: 0x0000000D/, undefined],
] as const) {
  test(`a bind that is answered with ${status}: ${fault.source}`, async (t) => {
    const smsc = await rawSmsc((pdu, peer) => {
      peer.answer(pdu, status)
      return 'handled'
    })
    t.after(smsc.close)
    const obstacle = await logIn(smsc.port)
    assert.match(obstacle?.fault ?? '', fault)
    assert.equal(obstacle?.isPassing, isPassing)
  })
}

test('a receipt that comes meanwhile is left to the SMSC', async (t) => {
  const answers: Pdu[] = []
  const smsc = await rawSmsc((pdu, peer) => {
    if (pdu.command === COMMAND.bindTransceiver) {
      peer.answer(pdu, 0, Buffer.from('SMSC\0'))
      peer.send({ command: COMMAND.deliverSm, sequence: 7, body: Buffer.alloc(20) })
    } else if (pdu.sequence === 7) answers.push(pdu)
    else peer.answer(pdu)
    return 'handled'
  })
  t.after(smsc.close)
  assert.equal(await logIn(smsc.port), undefined)
  assert.deepEqual(
    answers.map(({ command, status }) => [command, status]),
    [[COMMAND.deliverSm + 0x80000000, 0x64]],
  )
})

test('silence, a hang-up and a closed port are told apart', async (t) => {
  const silent = await rawSmsc(() => 'handled')
  t.after(silent.close)
  const clock = testClock()
  const waiting = logIn(silent.port, {}, clock)
  await until(() => silent.received.length === 1)
  clock.advance(3_000)
  assert.match((await waiting)?.fault ?? '', /does not answer the bind in 3 s/)

  const closing = createTcpServer((socket) => socket.resume().end())
  const port = await listen(closing)
  assert.match((await logIn(port))?.advice ?? '', /does it want tls: true/)
  await new Promise((resolve) => closing.close(resolve))
  assert.match((await logIn(port))?.fault ?? '', /cannot be reached: ECONNREFUSED/)
})

test('TLS that is refused, and a certificate that is, are called so', async (t) => {
  const files = makeSelfSigned(makeTemporaryDirectory(), 'smsc')
  const [key, cert] = [readFileSync(files.key, 'utf8'), readFileSync(files.cert, 'utf8')]
  const tls = createTlsServer({ key, cert })
  const noTls = createTcpServer((socket) => socket.on('error', () => {}).end('220 ready\r\n'))
  t.after(() => [tls, noTls].map((server) => server.close()))
  const [tlsPort, plainPort] = [await listen(tls), await listen(noTls)]
  assert.match(
    (await logIn(tlsPort, { tls: true }))?.fault ?? '',
    /certificate that is not accepted: DEPTH_ZERO/,
  )
  assert.match(
    (await logIn(tlsPort, { tls: true, tls_ca: cert, tls_server_name: 'other.test' }))?.fault ?? '',
    /certificate that is not accepted: ERR_TLS_CERT_ALTNAME/,
  )
  assert.match(
    (await logIn(plainPort, { tls: true }))?.fault ?? '',
    /refuses TLS, or speaks none on this port/,
  )
})
