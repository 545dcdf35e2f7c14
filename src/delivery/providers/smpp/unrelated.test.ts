/** Against programs that share nothing with ours: an SMSC in Perl, and Wireshark's dissector. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { createServer } from 'node:tls'
import { fileURLToPath } from 'node:url'
import {
  boundAgain,
  listen,
  never,
  outgoing,
  rawSmsc,
  smppOptions,
  testWorld,
  until,
} from '../../../../test/support/smpp-lab.ts'
import { recordTcp } from '../../../../test/support/tcp-recording.ts'
import { encodeGsm } from '../../gsm.ts'
import type { SendResult } from '../../provider.ts'
import { COMMAND } from './pdu.ts'
import { openSmpp } from './smpp.ts'

const script = fileURLToPath(new URL('../../../../test/support/smsc.pl', import.meta.url))

/** False runs the test. In CI everything has to be there. */
function skipWithout(command: string, args: string[], what: string): string | false {
  if (process.env.CI === 'true') return false
  return spawnSync(command, args).status === 0 ? false : `needs ${what}`
}
const withoutPerl = skipWithout('perl', ['-MNet::SMPP', '-e1'], 'libnet-smpp-perl (Debian)')
const withoutOpenssl = skipWithout('openssl', ['version'], 'openssl')
const withoutTshark = skipWithout('tshark', ['--version'], 'tshark (Debian)')

async function perlSmsc(t: TestContext, port = 0, mode = '') {
  const child: ChildProcess = spawn('perl', [script, String(port), mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  assert.ok(child.stdout)
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'close')
  }
  t.after(kill)
  await until(() => lines.length > 0, 'SMSC listens')
  return { port: Number(lines[0]?.split(' ')[1]), lines, kill }
}

function openAt(port: number, more: Parameters<typeof smppOptions>[1] = {}) {
  const { world, clock, receipts } = testWorld()
  return { provider: openSmpp('carrier', smppOptions(port, more), world), clock, receipts }
}

test('Perl Net::SMPP: every rule of the SMSC has its result and its receipt', {
  skip: withoutPerl,
}, async (t) => {
  const smsc = await perlSmsc(t)
  const { provider, clock, receipts } = openAt(smsc.port)
  const send = async (to: string) => provider.send(outgoing(clock, to), never())

  const throttled = { outcome: 'busy', code: '0x00000058', detail: 'ESME_RTHROTTLED', retryAfterMs: 1000 }
  const full = { outcome: 'busy', code: '0x00000014', detail: 'ESME_RMSGQFUL', retryAfterMs: 1000 }
  const bad = { outcome: 'rejected', kind: 'bad_number', code: '0x0000000B', detail: 'ESME_RINVDSTADR' }
  assert.deepEqual(await send('+15551230001'), { outcome: 'accepted', messageId: '0000000001', segments: 1 })
  assert.deepEqual(await send('+15551230666'), { outcome: 'accepted', messageId: '0000000002', segments: 1 })
  assert.deepEqual(await send('+15551230333'), bad)
  assert.deepEqual(await send('+15551230444'), throttled)
  clock.advance(1000)
  assert.deepEqual(await send('+15551230555'), full)
  clock.advance(1000)
  assert.deepEqual(await send('+15551230999'), { outcome: 'unknown', code: 'connection_lost' })
  await boundAgain(provider, clock)
  const silent = send('+15551230222')
  await until(() => smsc.lines.some((line) => line.includes('15551230222')))
  clock.advance(10_000)
  assert.deepEqual(await silent, { outcome: 'unknown', code: 'timeout' })

  await until(() => receipts.length === 2)
  assert.deepEqual(receipts, [
    { providerId: 'carrier', messageId: '0000000001', state: 'delivered' },
    { providerId: 'carrier', messageId: '0000000002', state: 'undelivered', code: '027' },
  ])
  await until(() => smsc.lines.filter((line) => line === 'answered 0').length === 2)
  await provider.close()
})

test('Perl Net::SMPP: what it reads is what we wrote', { skip: withoutPerl }, async (t) => {
  const smsc = await perlSmsc(t)
  const { provider, clock } = openAt(smsc.port, { source: { addr: '+15550001111' } })
  const bodies = ['Code {483920} €', 'Код 483920 😀']
  for (const body of bodies) await provider.send(outgoing(clock, '+15551230001', { body }), never())
  const submits = () => smsc.lines.filter((line) => line.startsWith('submit'))
  await until(() => submits().length === 2)
  const gsm = encodeGsm('Code {483920} €').toString('hex')
  const ucs2 = Buffer.from('Код 483920 😀', 'utf16le').swap16().toString('hex')
  assert.deepEqual(submits(), [
    `submit 15551230001 15550001111 0 0 000000001000000R ${gsm}`,
    `submit 15551230001 15550001111 8 0 000000001000000R ${ucs2}`,
  ])
  await provider.close()
})

test('Perl Net::SMPP: a receipt that overtakes the answer comes through', {
  skip: withoutPerl,
}, async (t) => {
  const smsc = await perlSmsc(t, 0, 'early')
  const { provider, clock, receipts } = openAt(smsc.port, { throughput_per_s: 100_000 })
  const sending = Array.from({ length: 50 }, () => provider.send(outgoing(clock), never()))
  await until(() => receipts.length === 50)
  const ids = (await Promise.all(sending)).map((result) => result.outcome === 'accepted' && result.messageId)
  assert.deepEqual(receipts.map((receipt) => receipt.messageId).sort(), ids.sort())
  await provider.close()
})

test('Perl Net::SMPP: killed under load, three times', { skip: withoutPerl }, async (t) => {
  let smsc = await perlSmsc(t)
  const { provider, clock } = openAt(smsc.port, { throughput_per_s: 100_000 })
  const results = new Map<string, SendResult['outcome']>()
  const lines: string[] = []
  const load: Promise<unknown>[] = []
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 300; i++) {
      const to = `1555${round}${String(i).padStart(3, '0')}000`
      const sending = provider.send(outgoing(clock, `+${to}`), never())
      load.push(sending.then(({ outcome }) => results.set(to, outcome)))
    }
    await until(() => results.size > round * 300 + 100)
    await smsc.kill()
    lines.push(...smsc.lines)
    await until(() => provider.health().state === 'down')
    smsc = await perlSmsc(t, smsc.port)
    await boundAgain(provider, clock)
  }
  await Promise.all(load)
  await provider.close()
  await smsc.kill() // so that all it printed is here
  lines.push(...smsc.lines)

  const taken = (to: string) => lines.filter((line) => line.startsWith(`submit ${to} `)).length
  const most = { accepted: 1, unknown: 1, busy: 0, untried: 0, rejected: 0 }
  for (const [to, outcome] of results) {
    assert.ok(taken(to) <= most[outcome], `${to} ${outcome}, but taken ${taken(to)} times`)
    if (outcome === 'accepted') assert.equal(taken(to), 1)
  }
  const unknown = [...results.values()].filter((outcome) => outcome === 'unknown').length
  assert.ok(unknown <= 30, `a window of 10 at each of three kills, not ${unknown}`)
  assert.equal(results.size, 900)
})

test('TLS: the certificate is verified, against the authority and the name', {
  skip: withoutOpenssl,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'smpp-tls-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const request =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=smsc.test'
  const files = ['-addext', 'subjectAltName=DNS:smsc.test', '-keyout', 'key.pem', '-out', 'cert.pem']
  assert.equal(spawnSync('openssl', [...request.split(' '), ...files], { cwd: folder }).status, 0)
  const cert = readFileSync(join(folder, 'cert.pem'), 'utf8')

  const smsc = await rawSmsc(() => undefined)
  const sockets: Socket[] = []
  const front = createServer({ cert, key: readFileSync(join(folder, 'key.pem')) }, (socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.pipe(connect(smsc.port, '127.0.0.1')).pipe(socket)
  })
  const port = await listen(front)
  t.after(() => {
    smsc.close()
    front.close()
    for (const socket of sockets) socket.destroy()
  })

  const outcome = async (more: Parameters<typeof smppOptions>[1]) => {
    const { provider } = openAt(port, { tls: true, ...more })
    await until(() => provider.health().state === 'up' || provider.health().detail !== 'connecting')
    const { state, detail } = provider.health()
    await provider.close()
    return detail ?? state
  }
  assert.equal(await outcome({}), 'DEPTH_ZERO_SELF_SIGNED_CERT')
  assert.equal(await outcome({ tls_ca: cert }), 'ERR_TLS_CERT_ALTNAME_INVALID')
  assert.equal(await outcome({ tls_ca: cert, tls_server_name: 'smsc.test' }), 'up')
  assert.deepEqual(
    new Set(smsc.received.map((pdu) => pdu.command)),
    new Set([COMMAND.bindTransceiver, COMMAND.unbind]),
  )
})

const MALFORMED = '_ws.malformed || _ws.expert.severity == "Error"'
const skipCapture = withoutPerl || withoutTshark
test('Wireshark reads our side of the wire and finds nothing malformed', { skip: skipCapture }, async (t) => {
  const smsc = await perlSmsc(t)
  const recording = await recordTcp(smsc.port)
  t.after(recording.close)
  const bodies = ['Your code is 483920', 'Код 483920', 'x'.repeat(200)]
  const { provider, clock, receipts } = openAt(recording.port)
  for (const body of bodies) await provider.send(outgoing(clock, '+15551230001', { body }), never())
  await until(() => receipts.length === 4)
  clock.advance(30_000) // enquire_link
  await provider.send(outgoing(clock, '+15551230333'), never())
  await provider.close()

  const folder = mkdtempSync(join(tmpdir(), 'smpp-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'smpp.pcap')
  const capture = recording.pcap(2775)
  writeFileSync(file, capture)
  const tshark = (...args: string[]) => {
    const run = spawnSync('tshark', ['-r', file, '-d', 'tcp.port==2775,smpp', ...args], { encoding: 'utf8' })
    assert.equal(run.status, 0, run.stderr)
    return run.stdout.split('\n').filter((line) => line !== '')
  }
  const fields = (filter: string, ...names: string[]) =>
    tshark('-Y', filter, '-T', 'fields', '-E', 'occurrence=a', ...names.flatMap((name) => ['-e', name]))

  assert.deepEqual(tshark('-Y', MALFORMED), [])
  const commands = fields('tcp.dstport == 2775 && smpp', 'smpp.command_id').join().split(',').map(Number)
  const count = (command: number) => commands.filter((c) => c === command).length
  // bind_transceiver, submit_sm, deliver_sm_resp, enquire_link, unbind
  assert.deepEqual([0x09, 0x04, 0x80000005, 0x15, 0x06].map(count), [1, 5, 4, 1, 1])
  const submits = fields(
    'smpp.command_id == 4',
    'smpp.source_addr',
    'smpp.destination_addr',
    'smpp.data_coding',
  )
  assert.equal(submits[0], 'Acme\t15551230001\t0x00')
  assert.equal(submits[1], 'Acme\t15551230001\t0x08')
  const texts = fields('smpp.command_id == 4', 'smpp.message').map((text) => Buffer.from(text, 'hex'))
  assert.deepEqual(texts[0], encodeGsm(bodies[0] as string))
  assert.deepEqual(texts[1], Buffer.from(bodies[1] as string, 'utf16le').swap16())
  assert.deepEqual(
    fields('smpp.command_id == 4', 'smpp.esm.submit.features').map(Number),
    [0, 0, 1, 1, 0],
    'the two parts of the long text say that they begin with a header',
  )

  // The check can fail: one length octet that says too much is found.
  const broken = Buffer.from(capture)
  broken[broken.indexOf(bodies[0] as string) - 1] = 0xff
  writeFileSync(file, broken)
  assert.notDeepEqual(tshark('-Y', MALFORMED), [])
})
