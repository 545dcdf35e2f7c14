import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeSelfSigned } from '../../test/support/certificate.ts'
import { makePlace, startPlace } from '../../test/support/command-line.ts'
import { makeTemporaryDirectory } from '../../test/support/engines.ts'
import { rawSmsc } from '../../test/support/smpp-lab.ts'

test('doctor: what is well, what is not, and what to do', async (t) => {
  const cwd = makeTemporaryDirectory()
  const well = makeSelfSigned(cwd, 'well', 90)
  const ending = makeSelfSigned(cwd, 'ending', 3)
  const tls = ({ cert, key }: typeof well) => ({ COUNTERSIGN_TLS_CERT: cert, COUNTERSIGN_TLS_KEY: key })
  const findings = async (
    more: NodeJS.ProcessEnv,
    spoil: (place: { dataDir: string }) => void = () => {},
  ) => {
    const place = await makePlace(t, more)
    await (await place.serve()).close()
    spoil(place)
    const { status, out } = await place.run('doctor', '--json')
    const list: { what: string; state: string; detail: string; advice?: string }[] = JSON.parse(out)
    const all = (what: string) =>
      list
        .filter((finding) => finding.what === what)
        .map((found) => `${found.state}: ${found.detail} ${found.advice ?? ''}`.trim())
    return { status, all, of: (what: string) => all(what)[0], isSqlite: place.isSqlite }
  }
  const { status, of, isSqlite } = await findings(tls(well))
  assert.equal(status, 0)
  assert.match(of('certificate') ?? '', /^ok: ends in (89|90) days$/)
  assert.match(of('database') ?? '', isSqlite ? /^ok: SQLite/ : /^ok: PostgreSQL/)
  assert.match(of('master key') ?? '', /^ok: all is sealed with [0-9a-f]{8}$/)
  if (isSqlite) assert.match(of('disk') ?? '', /ms$/)
  // Whether it is kept by NTP is the machine's affair.
  assert.match(of('clock') ?? '', isSqlite ? /^(ok|warning): \d{4}-.*by this machine/ : /^ok: -?\d+ ms off/)
  assert.match(of('channels') ?? '', /^warning: only the inbox/)
  assert.match(
    of('wall around Functions') ?? '',
    /^(ok: each in name-spaces|warning: no wall \(.+\): run nobody)/,
  )
  assert.match(
    (await findings(tls(ending))).of('certificate') ?? '',
    /^warning: ends in [23] days put a new one/,
  )
  const named = { ...tls(well), PUBLIC_URL: 'https://verify.example.com' }
  assert.match(
    (await findings(named)).all('certificate').join('\n'),
    /^ok: ends.*\nproblem: is not for verify\.ex/,
  )

  const deep = await findings({ COUNTERSIGN_DATA_DIR: join(cwd, 'x'.repeat(90)) })
  assert.match(deep.of('wall around Functions') ?? '', /^problem: the path of the data directory has to be/)

  const open = await findings({}, ({ dataDir }) => {
    chmodSync(dataDir, 0o755)
    chmodSync(join(dataDir, 'master-keys'), 0o644)
  })
  assert.equal(open.status, 1)
  assert.match(open.of('data directory') ?? '', /^warning: .* chmod 700/)
  assert.match(open.of('key file') ?? '', /^problem: .* chmod 600/)
  assert.match(open.of('database') ?? '', /^problem: .*can be read by others/)
})

test('doctor logs in to carriers and reads rates where no server does, and a bad setting is a finding', async (t) => {
  const place = await makePlace(t)
  const taking = await rawSmsc(() => undefined)
  const refusing = await rawSmsc((pdu, peer) => {
    peer.answer(pdu, 0x0e)
    return 'handled'
  })
  const full = await rawSmsc((pdu, peer) => {
    peer.answer(pdu, 0x05)
    return 'handled'
  })
  t.after(() => [taking, refusing, full].map((smsc) => smsc.close()))
  const carrier = ({ port }: { port: number }) =>
    `{ kind: smpp, host: 127.0.0.1, port: ${port}, system_id: me, password: secret, source: { addr: '12345' } }`
  const rates = join(place.cwd, 'rates.csv')
  writeFileSync(
    join(place.cwd, 'countersign.yaml'),
    `rates: ${rates}\nproviders:\n  good: ${carrier(taking)}\n  bad: ${carrier(refusing)}\n  full: ${carrier(full)}\nchannels: { sms: [good, bad, full] }\n`,
  )
  writeFileSync(rates, 'channel,prefix,price,currency\nsms,+1,much,usd\n')
  const { status, out } = await place.run('doctor')
  assert.equal(status, 1)
  assert.match(out, /^ok +carrier good: smpp, 127\.0\.0\.1:\d+ lets this machine in$/m)
  assert.match(out, /^problem +carrier bad: smpp, 127\.0\.0\.1:\d+ refuses the password: 0x0000000E$/m)
  assert.match(out, /^ +→ set password as the carrier gave it$/m)
  assert.match(out, /^warning +carrier full: .* has a session of this account, and takes no other/m)
  assert.match(out, /^problem +rates: .*rates\.csv.*line 2/m)
  assert.ok(!out.includes('secret'))
  writeFileSync(join(place.cwd, 'countersign.yaml'), 'prot: 1\n')
  const bad = await place.run('doctor', '--json')
  const [finding, ...others] = JSON.parse(bad.out)
  assert.deepEqual([bad.status, finding.what, finding.state, others], [1, 'configuration', 'problem', []])
  assert.match(finding.detail, /did you mean port/)
})

test('doctor asks the server that runs, and changes nothing where none ever did', async (t) => {
  const { json } = await startPlace(t)
  const found = await json('doctor')
  const server = found.find((finding: { what: string }) => finding.what === 'server')
  assert.match(server.detail, /^ready, http/)
  assert.ok(found.some((finding: { what: string }) => finding.what === 'carrier inbox'))

  const fresh = await makePlace(t)
  const { status, out } = await fresh.run('doctor')
  assert.equal(status, 0)
  assert.match(out, /^ok +database: empty/m)
  assert.throws(() => statSync(fresh.dataDir), /ENOENT/)
})

test('doctor refuses a data directory that cannot be made, as a start does', async (t) => {
  for (const dataDir of ['/proc/nope', '/proc/no/such/place', '/dev/null/data']) {
    const place = await makePlace(t, { COUNTERSIGN_DATA_DIR: dataDir })
    const { status, out } = await place.run('doctor')
    assert.equal(status, 1)
    assert.match(out, new RegExp(`^problem +data directory: ${dataDir} cannot be made \\(`, 'm'))
    await assert.rejects(place.serve(), /COUNTERSIGN_DATA_DIR/)
  }
})

test('doctor leaves nothing where the data directory will be made', async (t) => {
  const place = await makePlace(t, { COUNTERSIGN_DATA_DIR: 'deep/down/data' })
  assert.match((await place.run('doctor')).out, /^ok +data directory: .*down\/data will be made/m)
  assert.deepEqual(readdirSync(place.cwd), [])
})

test('doctor finds a port that another program has', async (t) => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as AddressInfo
  const place = await makePlace(t, { PORT: String(port) })
  const taken = await place.run('doctor')
  assert.equal(taken.status, 1)
  assert.match(taken.out, new RegExp(`^problem +port: PORT is ${port}, where another program listens`, 'm'))
  await new Promise((resolve) => other.close(resolve))
  assert.match((await place.run('doctor')).out, new RegExp(`^ok +port: ${port} is free$`, 'm'))
})

test('doctor tells once what is wrong with the rates', async (t) => {
  const place = await makePlace(t, { COUNTERSIGN_RATES: 'rates.csv' })
  const rates = join(place.cwd, 'rates.csv')
  writeFileSync(rates, 'channel,prefix,price,currency\nsms,+1,0.01,usd\n')
  await (await place.serve()).close()
  writeFileSync(rates, 'channel,prefix,price,currency\nsms,+1,much,usd\n')
  const { status, out } = await place.run('doctor')
  assert.equal(status, 1)
  assert.deepEqual(out.match(/^problem +\S+:/gm), ['problem  rates:'])
  assert.match(out, /^ok +database: (SQLite|PostgreSQL) answers/m)
})

test('doctor warns of a limit on open files that connections would reach', async (t) => {
  const { cwd, dataDir } = await makePlace(t)
  const env = { PATH: process.env.PATH, PORT: '0', COUNTERSIGN_DATA_DIR: dataDir }
  const entry = join(import.meta.dirname, '../../bin/countersign.ts')
  const lines = ['-c', 'ulimit -n 1000; exec "$0" "$1" doctor', process.execPath, entry]
  assert.match(
    execFileSync('sh', lines, { cwd, env, encoding: 'utf8' }),
    /^warning +open files: 1000 at once\n +→ .*allow 20000/m,
  )
})

test('doctor and the start say which settings an operator has to know of', async (t) => {
  const warnings = async (env: NodeJS.ProcessEnv) =>
    (
      (await (await makePlace(t, env)).run('doctor')).out.match(
        /^(warning|problem) +(proxy|code life): .*/gm,
      ) ?? []
    ).map((line) => line.replace(/ +/g, ' '))
  assert.deepEqual(await warnings({ COUNTERSIGN_CODE_TTL_SECONDS: '600' }), [])
  const [life] = await warnings({ COUNTERSIGN_CODE_TTL_SECONDS: '601' })
  assert.match(
    life ?? '',
    /^warning code life: COUNTERSIGN_CODE_TTL_SECONDS is 601: .*longer than ten minutes$/,
  )
  const proxied = {
    HOST: '0.0.0.0',
    COUNTERSIGN_TLS_TERMINATED_BY_PROXY: 'true',
    COUNTERSIGN_TRUSTED_PROXIES: '10.0.0.0/8',
  }
  const [plain, ...others] = await warnings(proxied)
  assert.match(plain ?? '', /^warning proxy: HOST is 0\.0\.0\.0, and what arrives there is plain HTTP/)
  assert.deepEqual(others, [])
  assert.deepEqual(await warnings({ ...proxied, HOST: '127.0.0.1' }), [])
})

test('doctor says that the proxy which ends TLS has no name', async (t) => {
  const place = await makePlace(t, { COUNTERSIGN_TLS_TERMINATED_BY_PROXY: 'true' })
  assert.match((await place.run('doctor')).out, /^problem +proxy: .*no trusted proxy is named/m)
  const named = await makePlace(t, {
    COUNTERSIGN_TLS_TERMINATED_BY_PROXY: 'true',
    COUNTERSIGN_TRUSTED_PROXIES: '10.0.0.0/8',
  })
  assert.doesNotMatch((await named.run('doctor')).out, /no trusted proxy is named/)
})
