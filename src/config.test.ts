import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { suite, test } from 'node:test'
import { format, inspect } from 'node:util'
import { describeSettings, isLoopback, loadConfig } from './config.ts'
import { ConfigError } from './config-values.ts'
import { Secret } from './secret.ts'

const sid = `AC${'0'.repeat(32)}`
const token = 'deadbeefdeadbeefdeadbeefdeadbeef'
const digits = '12345678901234567890123456789012'
const key = Buffer.alloc(32, 7).toString('base64')
const otherKey = Buffer.alloc(32, 9).toString('base64')
const dkimKey = generateKeyPairSync('ed25519')
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString()
  .trim()

type Files = Record<string, string>

/** The configuration of these variables and these files of `/srv/app`. */
function load(env: NodeJS.ProcessEnv = {}, files: Files = {}) {
  return loadConfig(env, '/srv/app', async (path) => {
    const text = files[path]
    if (text === undefined) throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' })
    return text
  })
}

const loadFile = (yaml: string, env: NodeJS.ProcessEnv = {}, files: Files = {}) =>
  load(env, { '/srv/app/countersign.yaml': yaml, ...files })

async function refused(loading: Promise<unknown>, message: string | RegExp) {
  const error = await loading.then(
    () => assert.fail('was accepted'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof ConfigError, String(error))
  if (typeof message === 'string') assert.equal(error.message, message)
  else assert.match(error.message, message)
  assert.ok(!error.message.includes('\n'), 'one line')
  for (const word of [token, digits, key, 'hunter2'])
    assert.ok(!format(error).includes(word), 'a secret is shown')
}

suite('values', () => {
  test('nothing given: defaults, loopback, inbox on every channel', async () => {
    assert.deepEqual(await load(), {
      host: '127.0.0.1',
      port: 8080,
      publicUrl: undefined,
      dataDir: '/srv/app/.countersign',
      databaseUrl: undefined,
      accountSid: undefined,
      authToken: undefined,
      masterKeys: [],
      masterKeyFile: undefined,
      placements: 1,
      tlsCert: undefined,
      tlsKey: undefined,
      tlsTerminatedByProxy: false,
      trustedProxies: [],
      signUp: false,
      allowPrivateCallbacks: [],
      rates: undefined,
      codeTtlSeconds: 600,
      customFriendlyName: true,
      verificationRetentionDays: 30,
      functionsDomain: 'localhost',
      functionsPathForm: false,
      functionsEgress: ['all'],
      functionsLogRetentionDays: 7,
      functionsMemoryMb: 1024,
      inboxRetentionHours: 24,
      functionsIsolation: undefined,
      npmEnvironment: new Secret({}),
      logLevel: 'info',
      providers: {},
      channels: { sms: ['inbox'], call: ['inbox'], email: ['inbox'], whatsapp: ['inbox'] },
      numbers: {},
    })
  })

  test('Functions: a domain with its port, and where they may connect to', async () => {
    const config = await load({
      COUNTERSIGN_FUNCTIONS_DOMAIN: 'Fn.Example.com:8443',
      COUNTERSIGN_FUNCTIONS_EGRESS: 'API.example.com, *.example.org 10.0.0.0/8 ::1',
    })
    assert.equal(config.functionsDomain, 'fn.example.com:8443')
    assert.deepEqual(config.functionsEgress, ['api.example.com', '*.example.org', '10.0.0.0/8', '::1'])
    await refused(
      load({ COUNTERSIGN_FUNCTIONS_DOMAIN: 'https://fn.example.com' }),
      /^COUNTERSIGN_FUNCTIONS_DOMAIN is "https:\/\/fn\.example\.com": must be a domain like/,
    )
    await refused(
      load({ COUNTERSIGN_FUNCTIONS_EGRESS: 'https://api.example.com' }),
      /^COUNTERSIGN_FUNCTIONS_EGRESS is "https:\/\/api\.example\.com": must be none, all, or host names/,
    )
  })

  test('npm gets what it needs of the environment, and it is not shown', async () => {
    const env = {
      PATH: '/usr/bin',
      HTTPS_PROXY: 'http://user:hunter2@proxy.example:3128',
      npm_config_registry: 'https://npm.example',
    }
    const config = await load({ ...env, HOME: '/root', COUNTERSIGN_MASTER_KEY: key, no_proxy: '' })
    assert.deepEqual(config.npmEnvironment.reveal(), env)
    assert.ok(!inspect(config).includes('hunter2'))
  })

  test('the environment wins over the file, which wins over the default', async () => {
    const yaml = 'port: 9000\nlog_level: warn\ndata_dir: data\n'
    const config = await loadFile(yaml, { PORT: '9001', COUNTERSIGN_LOG_LEVEL: '' })
    assert.equal(config.port, 9001)
    assert.equal(config.logLevel, 'warn')
    assert.equal(config.dataDir, '/srv/app/data')
    assert.equal(config.codeTtlSeconds, 600)
  })

  test('COUNTERSIGN_CONFIG names another file, which must exist', async () => {
    const files = {
      '/etc/cs.yaml': 'port: 1',
      '/srv/app/sub/cs.yaml': 'port: 2',
      '/srv/app/countersign.yaml': 'port: 3',
    }
    assert.equal((await load({ COUNTERSIGN_CONFIG: '/etc/cs.yaml' }, files)).port, 1)
    assert.equal((await load({ COUNTERSIGN_CONFIG: 'sub/cs.yaml' }, files)).port, 2)
    assert.equal((await load({}, files)).port, 3)
    await refused(
      load({ COUNTERSIGN_CONFIG: 'gone.yaml' }),
      'COUNTERSIGN_CONFIG names "gone.yaml", which cannot be read: there is no such file',
    )
  })

  test('an empty file is no configuration', async () => {
    assert.equal((await loadFile('# later\n')).port, 8080)
    assert.equal((await loadFile('')).port, 8080)
  })

  test('an account comes with its token, also where its digits look like a number', async () => {
    const config = await loadFile(`account_sid: ${sid}\nauth_token: ${digits}\n`)
    assert.equal(config.accountSid, sid)
    assert.equal(config.authToken?.reveal(), digits)
    await refused(
      load({ COUNTERSIGN_ACCOUNT_SID: sid }),
      'COUNTERSIGN_ACCOUNT_SID is given without COUNTERSIGN_AUTH_TOKEN: give both or none',
    )
    await refused(
      loadFile(`tls_key: a.pem`),
      'COUNTERSIGN_TLS_KEY is given without COUNTERSIGN_TLS_CERT: give both or none',
    )
  })

  test('several master keys: a list in the variable, in the file, or a line each in a file of keys', async () => {
    const given = [
      load({ COUNTERSIGN_MASTER_KEY: `${key},${otherKey}` }),
      load({ COUNTERSIGN_MASTER_KEY_FILE: 'keys' }, { '/srv/app/keys': `${key}\n${otherKey}\n` }),
      loadFile(`master_key: [${key}, ${otherKey}]`),
    ]
    for (const config of await Promise.all(given)) {
      assert.deepEqual(
        config.masterKeys.map((secret) => secret.reveal()),
        [key, otherKey],
      )
    }
  })

  test('a public URL is an origin', async () => {
    const { publicUrl } = await load({ PUBLIC_URL: 'https://Verify.Example.com:8443/' })
    assert.equal(publicUrl, 'https://verify.example.com:8443')
  })
})

suite('secrets', () => {
  test('come from files too, in either place', async () => {
    const files = { '/run/token': `${token}\n`, '/srv/app/url': 'postgres://u:p@db/cs\n' }
    const fromEnv = await load(
      { COUNTERSIGN_ACCOUNT_SID: sid, COUNTERSIGN_AUTH_TOKEN_FILE: '/run/token', DATABASE_URL_FILE: 'url' },
      files,
    )
    assert.equal(fromEnv.authToken?.reveal(), token)
    assert.equal(fromEnv.databaseUrl?.reveal(), 'postgres://u:p@db/cs')
    const fromFile = await loadFile(`account_sid: ${sid}\nauth_token_file: /run/token`, {}, files)
    assert.equal(fromFile.authToken?.reveal(), token)
  })

  test('are not asked for twice, and their files must hold something', async () => {
    await refused(
      load({ COUNTERSIGN_AUTH_TOKEN: token, COUNTERSIGN_AUTH_TOKEN_FILE: 'x' }),
      'COUNTERSIGN_AUTH_TOKEN and COUNTERSIGN_AUTH_TOKEN_FILE are both given: keep one',
    )
    await refused(
      load({ COUNTERSIGN_MASTER_KEY_FILE: 'gone' }),
      'COUNTERSIGN_MASTER_KEY_FILE names "/srv/app/gone", which cannot be read: there is no such file',
    )
    await refused(
      loadFile('auth_token_file: none', {}, { '/srv/app/none': '\n' }),
      'auth_token_file in countersign.yaml names "/srv/app/none", which is empty',
    )
  })

  test('are not printed with the configuration', async () => {
    const config = await loadFile(
      `account_sid: ${sid}
auth_token: ${token}
master_key: ${key}
database_url: postgres://u:hunter2@db/cs
providers: { main: { kind: smpp, host: smsc, system_id: acme, source: { addr: Acme }, password: hunter2 } }
channels: { sms: [main] }
`,
    )
    const main = config.providers.main
    assert.equal(main?.kind === 'smpp' && main.options.reveal().password, 'hunter2')
    const shown = `${JSON.stringify(config)} ${inspect(config, { depth: 9, showHidden: true })}`
    for (const word of [token, key, 'hunter2']) assert.ok(!shown.includes(word))
    assert.match(shown, /\[secret\]/)
  })

  test('are not printed by errors about them', async () => {
    await refused(
      load({ DATABASE_URL: 'mysql://u:hunter2@db/cs' }),
      'DATABASE_URL (not shown): must be postgres://user:password@host/database',
    )
    await refused(
      load({ COUNTERSIGN_ACCOUNT_SID: sid, COUNTERSIGN_AUTH_TOKEN: `${token}x` }),
      'COUNTERSIGN_AUTH_TOKEN (not shown): must be 32 hexadecimal digits',
    )
    await refused(
      loadFile(`master_key: [${key}, hunter2]`),
      'master_key in countersign.yaml (not shown): must be 32 bytes in base64, or several of these between commas',
    )
    await refused(loadFile('auth_token: *hunter2'), /^countersign.yaml is not good YAML: /)
    await refused(
      loadFile(`auth_token: "hunter2`),
      /^countersign.yaml is not good YAML in line 1: a quote, [\w ,]+ is missing$/,
    )
    await refused(
      loadFile(
        'providers: { main: { kind: smpp, host: smsc, system_id: a, source: { addr: Acme }, password: { a: hunter2 } } }',
      ),
      /^providers\.main\.password in countersign\.yaml/,
    )
  })
})

suite('malformed', () => {
  const values: [NodeJS.ProcessEnv, string][] = [
    [{ PORT: 'http' }, 'PORT is "http": must be a whole number from 0 to 65535'],
    [{ PORT: '65536' }, 'PORT is "65536": must be a whole number from 0 to 65535'],
    [{ PORT: '0x50' }, 'PORT is "0x50": must be a whole number from 0 to 65535'],
    [{ HOST: 'http://a' }, 'HOST is "http://a": must be an IP address or a host name'],
    [
      { PUBLIC_URL: 'verify.example.com' },
      'PUBLIC_URL is "verify.example.com": must be scheme and host only, like https://verify.example.com',
    ],
    [
      { PUBLIC_URL: 'https://u:p@a.example' },
      'PUBLIC_URL is "https://u:p@a.example": must be scheme and host only, like https://verify.example.com',
    ],
    [
      { PUBLIC_URL: 'https://a.example/verify' },
      'PUBLIC_URL is "https://a.example/verify": must be scheme and host only, like https://verify.example.com',
    ],
    [
      { COUNTERSIGN_ACCOUNT_SID: 'AC12' },
      'COUNTERSIGN_ACCOUNT_SID is "AC12": must be AC and 32 hexadecimal digits',
    ],
    [
      { COUNTERSIGN_PLACEMENTS: '4097' },
      'COUNTERSIGN_PLACEMENTS is "4097": must be a whole number from 1 to 4096',
    ],
    [
      { COUNTERSIGN_CODE_TTL_SECONDS: '119' },
      'COUNTERSIGN_CODE_TTL_SECONDS is "119": must be a whole number from 120 to 86400',
    ],
    [
      { COUNTERSIGN_CUSTOM_FRIENDLY_NAME: 'yes' },
      'COUNTERSIGN_CUSTOM_FRIENDLY_NAME is "yes": must be true or false',
    ],
    [
      { COUNTERSIGN_CUSTOM_FRIENDLY_NAME: 'constructor' },
      'COUNTERSIGN_CUSTOM_FRIENDLY_NAME is "constructor": must be true or false',
    ],
    [
      { COUNTERSIGN_LOG_LEVEL: 'loud\nly' },
      'COUNTERSIGN_LOG_LEVEL is "loud\\nly": must be one of trace, debug, info, warn, error, fatal, silent',
    ],
    [
      { COUNTERSIGN_CODE_TTL: '600' },
      'COUNTERSIGN_CODE_TTL is not a setting; docs/configuration.md has all there are',
    ],
    [
      { COUNTERSIGN_LOGLEVEL: 'info' },
      'COUNTERSIGN_LOGLEVEL is not a setting (did you mean COUNTERSIGN_LOG_LEVEL?); docs/configuration.md has all there are',
    ],
    [
      { COUNTERSIGN_PORT: '80' },
      'COUNTERSIGN_PORT is not a setting (did you mean PORT?); docs/configuration.md has all there are',
    ],
    [
      { COUNTERSIGN_LOG_LEVEL_FILE: 'a' },
      'COUNTERSIGN_LOG_LEVEL_FILE is not a setting; docs/configuration.md has all there are',
    ],
  ]
  for (const [env, message] of values) test(message.slice(0, 70), () => refused(load(env), message))

  const files: [string, string | RegExp][] = [
    [
      'prot: 1',
      '"prot" in countersign.yaml is not a setting (did you mean port?); docs/configuration.md has all there are',
    ],
    ['port: x', 'port in countersign.yaml is "x": must be a whole number from 0 to 65535'],
    [
      'port: { a: 1 }',
      'port in countersign.yaml is not a plain value: must be a whole number from 0 to 65535',
    ],
    ['- port', 'countersign.yaml must be a map of settings, like port: 8080'],
    ['port: 1\nport: 2', 'countersign.yaml is not good YAML in line 2: the key is there twice'],
    ['port: !!int 1', /^countersign.yaml is not good YAML in line 1: tags /],
    ['port: 1\n  host: a', /in line 2: a second ": "|in line 1: a second ": "/],
    ['port:\n\t- a', /^countersign.yaml is not good YAML in line 2: a tab: indent with spaces$/],
    ['providers: [a]', /^providers in countersign.yaml must map names to providers/],
    ['providers: { inbox: { kind: smpp } }', /inbox is built in/],
    [
      'providers: { Main: { kind: smpp } }',
      /^"providers.Main" in countersign.yaml: a provider's name must be/,
    ],
    [
      'providers: { main: { host: a } }',
      /^providers.main.kind in countersign.yaml is "missing": must be one of smpp, smtp$/,
    ],
    [
      'providers: { main: { kind: sms } }',
      /^providers.main.kind in countersign.yaml is "sms": must be one of smpp, smtp$/,
    ],
    ['providers: { main: { kind: toString } }', /^providers.main.kind in countersign.yaml is "toString"/],
    [
      'providers: { main: { kind: smpp, system_id: a } }',
      'providers.main.host in countersign.yaml is missing',
    ],
    [
      'providers: { main: { kind: smpp, host: a, system_id: a, source: { addr: Acme }, prot: 1 } }',
      'providers.main.prot in countersign.yaml is not an option of smpp (did you mean port?)',
    ],
    [
      'providers: { main: { kind: smpp, host: a, system_id: a, source: { addr: Acme }, password: b, port: x } }',
      /^providers.main.port in countersign.yaml is "x": must be (integer|number)$/,
    ],
    [
      'providers: { main: { kind: smpp, host: a, system_id: a, source: { addr: Acme }, password: x, password_file: y } }',
      'providers.main.password_file in countersign.yaml and password are both given: keep one',
    ],
    [
      'providers: { main: { kind: smpp, host: a, system_id: a, source: { addr: Acme }, password_file: y } }',
      'providers.main.password_file in countersign.yaml names "/srv/app/y", which cannot be read: there is no such file',
    ],
    [
      'providers: { main: { kind: smpp, host: a, system_id: "a b", password: b, source: { addr: Acme } } }',
      'providers.main.system_id in countersign.yaml: must be 1 to 15 ASCII characters without spaces',
    ],
    [
      'providers: { main: { kind: smpp, host: a, system_id: a, password: b, source: { addr: Grüße } } }',
      /^providers.main.source.addr in countersign.yaml: must be a number of 3 to 15 digits, /,
    ],
    [
      'providers: { main: { kind: smpp, host: a, system_id: a, password: hunter2hunter2, source: { addr: Acme } } }',
      /^providers.main.password in countersign.yaml is longer than the 8 characters that SMPP allows: /,
    ],
    [
      'providers: { main: { kind: smpp, host: a, system_id: a, password: b, source: { addr: Acme }, tls_ca: x } }',
      'providers.main.tls_ca in countersign.yaml is not a certificate in PEM',
    ],
    [
      'providers: { mail: { kind: smtp, host: a, from: nobody } }',
      'providers.mail.from in countersign.yaml is not one e-mail address, like verify@example.net',
    ],
    [
      'providers: { main: { kind: smpp, host: a, system_id: a, password: b, source: { addr: Acme }, vendor_status: { 0x500: busy } } }',
      'providers.main.vendor_status.0x500 in countersign.yaml is not an option of smpp',
    ],
    [
      'providers: { main: { kind: smpp, host: a, system_id: a, password: b, source: { addr: Acme, tonn: 1 } } }',
      'providers.main.source.tonn in countersign.yaml is not an option of smpp (did you mean ton?)',
    ],
    [
      'providers: { main: { kind: smpp, host: a, system_id: a, password: b, source: { addr: Acme }, bind: both } }',
      'providers.main.bind in countersign.yaml is "both": must be one of transceiver, split',
    ],
    ['channels: [sms]', /^channels in countersign.yaml must map channels to providers/],
    [
      'channels: { fax: [inbox] }',
      'channels.fax in countersign.yaml is not a channel: must be one of sms, call, email, whatsapp',
    ],
    [
      'channels: { sms: inbox }',
      'channels.sms in countersign.yaml is "inbox": must be a list of providers, like [main, inbox]',
    ],
    [
      'channels: { sms: [main] }',
      'channels.sms in countersign.yaml names "main", which is no provider: must be among inbox',
    ],
    ['channels: { sms: [inbox, inbox] }', 'channels.sms in countersign.yaml names inbox twice: keep one'],
    [
      'providers: { main: { kind: smpp, host: a, system_id: a, source: { addr: Acme }, password: b } }\nchannels: { email: [main] }',
      'channels.email in countersign.yaml names main, whose kind smpp carries sms only',
    ],
    [
      'providers: { main: { kind: smpp, host: a, system_id: a, source: { addr: Acme }, password: b } }',
      'providers.main in countersign.yaml serves no channel: name it in channels, like sms: [main], or remove it',
    ],
    [
      'numbers: [+15017122661]',
      'numbers in countersign.yaml must map numbers to providers, like "+15017122661": main',
    ],
    [
      'numbers: { 15017122661: inbox }',
      '"15017122661" in numbers of countersign.yaml: must be a number like +15017122661',
    ],
    [
      'numbers: { +15017122661: main }',
      'numbers.+15017122661 in countersign.yaml is "main": must be among the providers of sms (inbox)',
    ],
    [
      'channels: { email: [inbox] }\nnumbers: { +15017122661: inbox }',
      'numbers.+15017122661 in countersign.yaml is "inbox": must be among the providers of sms (none: name one in channels)',
    ],
  ]
  for (const [yaml, message] of files) test(yaml, () => refused(loadFile(yaml), message))
})

suite('providers and channels', () => {
  const carrier =
    'providers: { main: { kind: smpp, host: a, port: 2776, system_id: a, source: { addr: Acme }, password_file: pw, registered_delivery: 0 } }\n'
  const files = { '/srv/app/pw': '12345678\n' }

  test('options are typed by their schema, a password of digits stays text', async () => {
    const config = await loadFile(`${carrier}channels: { sms: [main, inbox] }`, {}, files)
    const main = config.providers.main
    assert.ok(main?.kind === 'smpp')
    assert.equal(main.options.reveal().port, 2776)
    assert.equal(main.options.reveal().registered_delivery, 0)
    assert.equal(main.options.reveal().window, 10)
    assert.equal(main.options.reveal().password, '12345678')
    assert.deepEqual(config.channels, { sms: ['main', 'inbox'], call: [], email: [], whatsapp: [] })
  })

  test('secrets inside an option come from files too', async () => {
    const config = await loadFile(
      `providers:
  mail:
    kind: smtp
    host: a
    from: verify@example.net
    auth: { user: u, password_file: pw }
    dkim: { domain: example.net, selector: s, key_file: /run/dkim.pem }
channels: { email: [mail] }
`,
      {},
      { ...files, '/run/dkim.pem': dkimKey },
    )
    const mail = config.providers.mail
    assert.ok(mail?.kind === 'smtp')
    const { auth, dkim, port } = mail.options.reveal()
    assert.deepEqual(auth, { user: 'u', password: '12345678' })
    assert.deepEqual(dkim, { domain: 'example.net', selector: 's', key: dkimKey })
    assert.equal(port, 587)
  })

  test('numbers name their carriers, one or several', async () => {
    const yaml = `${carrier}channels: { sms: [main, inbox] }
numbers:
  +15017122661: main
  "+15017122662": [inbox, main]
`
    const { numbers } = await loadFile(yaml, {}, files)
    assert.deepEqual(numbers, { '+15017122661': ['main'], '+15017122662': ['inbox', 'main'] })
    assert.deepEqual((await load({})).numbers, {})
  })

  test('named channels are all there are, also without providers', async () => {
    const { channels } = await loadFile('channels: { sms: [inbox] }')
    assert.deepEqual(channels, { sms: ['inbox'], call: [], email: [], whatsapp: [] })
  })

  test('the inbox does not stand in on a server that others can reach', async () => {
    const { channels } = await load({ HOST: '0.0.0.0', COUNTERSIGN_TLS_TERMINATED_BY_PROXY: 'true' })
    assert.deepEqual(channels, { sms: [], call: [], email: [], whatsapp: [] })
  })
})

suite('listening', () => {
  test('beyond loopback without TLS is refused, and what would be right is said', async () => {
    const message =
      'HOST is "0.0.0.0", which other machines can reach, without TLS: give COUNTERSIGN_TLS_CERT and COUNTERSIGN_TLS_KEY, ' +
      'or COUNTERSIGN_TLS_TERMINATED_BY_PROXY=true behind a proxy that ends TLS, or HOST=127.0.0.1'
    await refused(load({ HOST: '0.0.0.0' }), message)
    await refused(
      loadFile('host: verify.example.com'),
      /^HOST is "verify.example.com", which other machines can reach/,
    )
  })

  test('beyond loopback with TLS, own or a proxy’s, is accepted', async () => {
    const own = await load({ HOST: '::', COUNTERSIGN_TLS_CERT: 'cert.pem', COUNTERSIGN_TLS_KEY: '/key.pem' })
    assert.deepEqual([own.tlsCert, own.tlsKey], ['/srv/app/cert.pem', '/key.pem'])
    assert.equal((await load({ HOST: '0.0.0.0', COUNTERSIGN_TLS_TERMINATED_BY_PROXY: '1' })).host, '0.0.0.0')
  })

  test('loopback is loopback only', () => {
    for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) assert.ok(isLoopback(host), host)
    for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.example.com', '127', 'localhost.example.com']) {
      assert.ok(!isLoopback(host), host)
    }
  })
})

test('docs/configuration.md has exactly the settings there are', async () => {
  const rows = describeSettings().map(({ key, env, fallback, unit, secret, expects, about }) => [
    `\`${key}\``,
    `\`${env}\`${secret ? ' 🔑' : ''}`,
    fallback && `\`${fallback}\``,
    unit,
    expects,
    about,
  ])
  const page = await readFile(new URL('../docs/configuration.md', import.meta.url), 'utf8')
  const lines = page.split('\n').filter((line) => line.startsWith('| `'))
  const cells = lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
  assert.deepEqual(cells, rows)
})
