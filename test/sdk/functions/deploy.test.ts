import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile, symlink, writeFile } from 'node:fs/promises'
import {
  createServer,
  type IncomingMessage,
  request as requestHttp,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { until } from '../../support/carrier.ts'
import { freshNumber } from '../../support/server.ts'
import { collect, needsToolkit, openWorkbench, TAKES_TIME, TOOLKIT, type Workbench } from './workbench.ts'

const PROGRAMS = join(import.meta.dirname, 'programs')
const HELLO = 'functions/hello.js'
const saying = (text: string) => `exports.handler = (c, e, callback) => callback(null, '${text}')\n`

describe('twilio-run', needsToolkit, () => {
  let bench: Workbench
  let folder: string
  let label: string
  before(async () => {
    bench = await openWorkbench()
    folder = await bench.copy(PROGRAMS, { GREETING: 'hello & goodbye', VERIFY_SERVICE_SID: bench.serviceSid })
  }, TAKES_TIME)
  after(() => bench.close())

  const run = (...command: string[]) => bench.run(folder, 'twilio-run', ...command)
  const say = (...command: string[]) => bench.succeed(folder, 'twilio-run', ...command)
  const hello = async (of = label) => (await bench.call(of, '/hello')).text
  const service = async () => (await bench.api('/v1/Services')).services[0]

  test('deploy puts a project online', TAKES_TIME, async () => {
    label = await bench.deploy(folder)
    assert.match(label, /^programs-\d{4}-dev$/)
    assert.equal(await hello(), 'Good day to you!')
    const { sid, unique_name, ui_editable } = await service()
    assert.deepEqual([unique_name, ui_editable], ['programs', false])
    const deployed = JSON.parse(await readFile(join(folder, '.twiliodeployinfo'), 'utf8'))
    assert.equal(deployed[`${bench.accountSid}:us1`].serviceSid, sid)
  })

  test('deployed again, what changed has changed, and nothing is there twice', TAKES_TIME, async () => {
    const path = `/v1/Services/${(await service()).sid}`
    const count = async (list: string) => (await bench.api(`${path}/${list}`))[list.toLowerCase()].length
    const before = [await count('Functions'), await count('Assets'), await count('Environments')]
    await writeFile(join(folder, HELLO), saying('Good night'))
    assert.equal(await bench.deploy(folder), label)
    assert.equal(await hello(), 'Good night')
    assert.deepEqual([await count('Functions'), await count('Assets'), await count('Environments')], before)
    assert.equal(await count('Builds'), 2)
    assert.equal((await bench.api('/v1/Services')).services.length, 1)
  })

  test('a name that is taken is refused, but for --override-existing-project', TAKES_TIME, async () => {
    const elsewhere = await bench.copy(PROGRAMS)
    await writeFile(join(elsewhere, HELLO), saying('From elsewhere'))
    const refused = await bench.run(elsewhere, 'twilio-run', 'deploy')
    assert.equal(refused.status, 1)
    assert.match(refused.err, /Service with name "programs" already exists with SID\W+ZS/)
    const flags = ['--override-existing-project', '-o', 'json']
    const deployed = JSON.parse(await bench.succeed(elsewhere, 'twilio-run', 'deploy', ...flags))
    assert.equal(deployed.domain, `${label}.twil.io`)
    assert.equal(await hello(), 'From elsewhere')
  })

  test('activate goes back to a build of before', TAKES_TIME, async () => {
    const { sid } = await service()
    const { builds } = await bench.api(`/v1/Services/${sid}/Builds`)
    const first = builds.at(-1).sid
    await say('activate', `--build-sid=${first}`, '--to=dev', `--service-sid=${sid}`)
    assert.equal(await hello(), 'Good day to you!')
    const { environments } = await bench.api(`/v1/Services/${sid}/Environments`)
    assert.equal(environments[0].build_sid, first)
  })

  test('list shows each kind of what is there', TAKES_TIME, async () => {
    const { sid, domain_base } = await service()
    assert.match(await say('list', 'services'), new RegExp(`^${sid} +programs `, 'm'))
    const out = await say('list', 'environments,functions,assets,variables,builds', '-e', 'dev')
    for (const line of [
      new RegExp(
        `^ZE[0-9a-f]{32} +ZB[0-9a-f]{32} +dev-environment +${domain_base}-dev\\.twil\\.io +dev `,
        'm',
      ),
      /^\/hello +public/m,
      /^\/reply +protected/m,
      /^\/shout +private/m,
      /^\/lists\/prices\.json +private/m,
      /^\/voucher\.txt +protected/m,
      /^ZE[0-9a-f]{32} +GREETING +hello & goodbye/m,
      /^ZB[0-9a-f]{32} +completed /m,
    ])
      assert.match(out, line)
  })

  test('logs shows what functions said, and --tail what they say from now on', TAKES_TIME, async () => {
    await hello()
    await until(async () => /^\[info\]\[.+\]: somebody said hello$/m.test(await say('logs')))
    const tail = bench.start(folder, 'twilio-run', 'logs', '--tail')
    let out = ''
    tail.stdout?.on('data', (chunk) => (out += chunk))
    try {
      await until(() => out.includes('somebody said hello'))
      const told = out.length
      await bench.call(label, '/price?of=gold')
      await until(() => out.slice(told).includes('No price for gold'))
      assert.match(out.slice(told), /^\[error\]\[.+\]: Error: No price for gold$/m)
    } finally {
      await end(tail)
    }
  })

  test('env lists, reads, sets and unsets; each counts from the next request on', TAKES_TIME, async () => {
    const greeting = async () => JSON.parse((await bench.call(label, '/settings')).text).fromProcess
    assert.equal(await say('env', 'get', '--key=GREETING'), 'hello & goodbye\n')
    await say('env', 'set', '--key=GREETING', '--value=good evening')
    assert.equal(await greeting(), 'good evening')
    assert.match(await say('env', 'list', '--show-values'), /^GREETING +good evening$/m)
    await say('env', 'unset', '--key=GREETING')
    assert.equal(await greeting(), undefined)
    assert.doesNotMatch(await say('env', 'list'), /GREETING/)
  })

  test('promote takes a build to production', TAKES_TIME, async () => {
    const out = await say('promote', '--from=dev', '--production', '--create-environment')
    const production = label.replace(/-dev$/, '')
    assert.match(out, new RegExp(`\\b${production}\\.twil\\.io`))
    assert.equal(await hello(production), await hello())
    const { fromProcess } = JSON.parse((await bench.call(production, '/settings')).text)
    assert.equal(fromProcess, 'hello & goodbye')
  })

  test('a build that fails ends the command with 1, and what ran goes on', TAKES_TIME, async () => {
    const manifest = join(folder, 'package.json')
    const text = await readFile(manifest, 'utf8')
    const before = await hello()
    await writeFile(manifest, text.replace(/"twilio": "[^"]+"/, '"twilio": "file:../twilio"'))
    await writeFile(join(folder, HELLO), saying('Not to be seen'))
    const { status } = await run('deploy')
    await writeFile(manifest, text)
    assert.equal(status, 1)
    assert.equal(await hello(), before)
    const { builds } = await bench.api(`/v1/Services/${(await service()).sid}/Builds`)
    assert.equal(builds[0].status, 'failed')
  })

  test('a wrong password is told as such', TAKES_TIME, async () => {
    const { status, err } = await run('deploy', '--username', bench.accountSid, '--password', '0'.repeat(32))
    assert.equal(status, 1)
    assert.match(err, /20003[\s\S]*Authenticate/)
  })

  test('start serves a project here, and its calls arrive at the server', TAKES_TIME, async () => {
    // As after `npm install` in the project.
    await symlink(TOOLKIT, join(folder, 'node_modules'))
    const port = await freePort()
    const started = bench.start(folder, 'twilio-run', 'start', '--load-local-env', '--port', String(port))
    let out = ''
    for (const stream of [started.stdout, started.stderr]) stream?.on('data', (chunk) => (out += chunk))
    try {
      await until(() => out.includes(`http://localhost:${port}/send-code`))
      const to = freshNumber()
      const response = await fetch(`http://localhost:${port}/send-code?to=${encodeURIComponent(to)}`)
      const { status, url } = (await response.json()) as Record<string, string>
      assert.equal(status, 'pending', out)
      assert.match(String(url), /^https:\/\/verify\.twilio\.com\//)
      const code = await bench.codeFor(to)
      const checked = await fetch(`http://localhost:${port}/check-code`, {
        method: 'POST',
        body: new URLSearchParams({ to, code }),
      })
      assert.deepEqual(await checked.json(), { status: 'approved', valid: true })
    } finally {
      await end(started)
    }
  })

  test('deploy waits and asks again where the server says 429', TAKES_TIME, async () => {
    const refused = new Set<string>()
    // It cannot repeat an upload.
    const slow = createServer((request, response) => {
      const [what = ''] = /(Functions|Builds|Status)$/.exec(request.url ?? '') ?? []
      if (what === '' || refused.has(what)) return forward(bench.url, request, response)
      refused.add(what)
      request.resume().once('end', () => refuse(response))
    })
    const url = `http://127.0.0.1:${await listen(slow)}`
    try {
      await writeFile(join(folder, HELLO), saying('In the end'))
      const exec = [join(import.meta.dirname, '../exec/main.ts'), url, join(folder, 'ca')]
      const deploy = [process.execPath, join(TOOLKIT, '.bin/twilio-run'), 'deploy']
      const { status, err } = await collect(bench.spawn(folder, process.execPath, ...exec, ...deploy))
      assert.equal(status, 0, err)
      assert.equal(await hello(), 'In the end')
      assert.deepEqual(refused, new Set(['Functions', 'Builds', 'Status']))
    } finally {
      slow.close()
    }
  })
})

async function end(child: ChildProcess): Promise<void> {
  child.kill()
  if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
}

/** Resolves to the port, of loopback. */
async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listen(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** As Twilio does. */
function refuse(response: ServerResponse): void {
  const body = { code: 20429, message: 'Too Many Requests', more_info: '', status: 429 }
  response
    .writeHead(429, { 'content-type': 'application/json', 'retry-after': '1' })
    .end(JSON.stringify(body))
}

function forward(to: string, request: IncomingMessage, response: ServerResponse): void {
  const { hostname, port } = new URL(to)
  const { method, url: path, headers } = request
  const onward = requestHttp({ hostname, port, method, path, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
  })
  request.pipe(onward)
}
