import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { rootCertificates } from 'node:tls'
import { promisify } from 'node:util'
import { needs } from '../../test/sdk/exec/needs.ts'
import { world } from '../../test/sdk/exec/world.ts'
import { openAuthority } from './ca.ts'
import { type Environment, makeEnvironment, type TrustFiles, writeTrustFiles } from './environment.ts'

const run = promisify(execFile)
const [known = '', other = ''] = rootCertificates

let folder: string
let rootPem: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign environment-'))
  rootPem = (await openAuthority(join(folder, 'ca'), world)).rootPem
})
after(() => rm(folder, { recursive: true }))

const server = { url: 'http://127.0.0.1:8080', accountSid: 'AC1', authToken: 'secret', serviceSid: 'VA1' }
const make = (base: Environment, trust: TrustFiles) =>
  makeEnvironment(base, 'http://127.0.0.1:4480', server, trust)
const trustIn = (path: string): TrustFiles => ({
  bundle: `${path}/bundle.pem`,
  extra: `${path}/extra.pem`,
  javaStore: `${path}/trust.p12`,
  phpFolder: `${path}/php`,
  pythonFolder: `${path}/python`,
})

test('the proxy is named in both cases, loopback is left out, and what the user had is not mixed in', () => {
  const env = make(
    { no_proxy: 'verify.twilio.com,*', HTTP_PROXY: 'http://corporate:3128', HOME: '/home/ann' },
    trustIn('/t'),
  )
  for (const name of ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY']) {
    assert.equal(env[name], 'http://127.0.0.1:4480', name)
  }
  assert.deepEqual([env.no_proxy, env.NO_PROXY], ['localhost,127.0.0.1,::1', 'localhost,127.0.0.1,::1'])
  assert.equal(env.HOME, '/home/ann')
})

test('every kind of client is told whom to trust', () => {
  const env = make({ SSL_CERT_DIR: '/etc/ssl/certs', SSL_CERT_FILE: '/old.pem' }, trustIn('/t'))
  assert.equal('SSL_CERT_DIR' in env, false)
  assert.deepEqual(
    [env.SSL_CERT_FILE, env.REQUESTS_CA_BUNDLE, env.CURL_CA_BUNDLE],
    Array(3).fill('/t/bundle.pem'),
  )
  assert.equal(env.NODE_EXTRA_CA_CERTS, '/t/extra.pem')
  assert.equal(env.PHP_INI_SCAN_DIR, ':/t/php')
  assert.equal(env.PYTHONPATH, '/t/python')
})

test('settings that are lists keep what was in them', () => {
  const base = { JAVA_TOOL_OPTIONS: '-Xmx1g', PHP_INI_SCAN_DIR: '/own', PYTHONPATH: '/lib' }
  const env = make(base, trustIn('/with space'))
  assert.match(
    env.JAVA_TOOL_OPTIONS ?? '',
    /^-Xmx1g .*-Dhttps\.proxyPort=4480 .*trustStore="\/with space\/trust\.p12" /,
  )
  assert.equal(env.PHP_INI_SCAN_DIR, '/own:/with space/php')
  assert.equal(env.PYTHONPATH, '/with space/python:/lib')
})

test('the bundle holds the system’s roots, what the user trusts besides, and ours, each once', async () => {
  const own = await makeFolder('own')
  await writeFile(join(own, 'requests.pem'), `# a comment\n${known}\n${other}\n`)
  await writeFile(join(own, 'node.pem'), `${other}\n`)
  const files = await writeTrustFiles(await makeFolder('trust'), rootPem, {
    REQUESTS_CA_BUNDLE: join(own, 'requests.pem'),
    NODE_EXTRA_CA_CERTS: join(own, 'node.pem'),
    CURL_CA_BUNDLE: own,
    SSL_CERT_FILE: join(own, 'gone.pem'),
  })
  const bundle = await readFile(files.bundle, 'utf8')
  for (const pem of [known, other, rootPem]) assert.equal(bundle.split(pem.trim()).length, 2)
  assert.ok(countOf(bundle) > 50)
  assert.equal(await readFile(files.extra, 'utf8'), `${other.trim()}\n${rootPem}\n`)
})

test('Java’s own tool reads the store, without a password', needs('keytool'), async () => {
  const files = await writeTrustFiles(await makeFolder('java'), rootPem, {})
  const bundle = await readFile(files.bundle, 'utf8')
  const { stdout } = await run('keytool', [
    '-list',
    '-storetype',
    'PKCS12',
    '-keystore',
    files.javaStore,
    '-storepass',
    '',
  ])
  assert.equal(stdout.match(/trustedCertEntry/g)?.length, countOf(bundle))
})

test('PHP reads the settings besides its own', needs('php'), async () => {
  const files = await writeTrustFiles(await makeFolder('php'), rootPem, {})
  const env = make(process.env, files)
  const program =
    'echo ini_get("openssl.cafile"), "|", ini_get("curl.cainfo"), "|", count(explode(",", php_ini_scanned_files()));'
  const { stdout } = await run('php', ['-r', program], { env })
  const [openssl, curl, count] = stdout.split('|')
  assert.deepEqual([openssl, curl], [files.bundle, files.bundle])
  assert.ok(Number(count) > 1)
})

test(
  'in Python, certifi names the bundle, and the user’s own sitecustomize has run',
  needs('python3'),
  async () => {
    const files = await writeTrustFiles(await makeFolder('python'), rootPem, {})
    const own = await makeFolder('site')
    await writeFile(join(own, 'sitecustomize.py'), 'import builtins\nbuiltins.hidden_has_run = __file__\n')
    await writeFile(join(own, 'certifi.py'), 'def where():\n    return "the packaged one"\n')
    const env = make({ ...process.env, PYTHONPATH: own }, files)
    const program =
      'import certifi, sitecustomize; print(certifi.where(), hidden_has_run, sitecustomize.__file__, sep="|")'
    const { stdout } = await run('python3', ['-c', program], { env })
    const hidden = join(own, 'sitecustomize.py')
    assert.deepEqual(stdout.trim().split('|'), [files.bundle, hidden, hidden])
  },
)

const countOf = (pem: string) => pem.split('-----BEGIN CERTIFICATE-----').length - 1

async function makeFolder(name: string): Promise<string> {
  const path = join(folder, name)
  await mkdir(path)
  return path
}
