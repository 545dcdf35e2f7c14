/** A server that runs, and the official tools as they are, pointed at it by `exec`. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request as requestHttp } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { until } from '../../support/carrier.ts'
import { basic, makeDatabase } from '../../support/server.ts'

const ROOT = join(import.meta.dirname, '../../..')
const COUNTERSIGN = join(ROOT, 'bin/countersign.ts')
/** Where `script/test` installs the tools. */
export const TOOLKIT = join(ROOT, 'test/toolkit/node_modules')

/** Skips what needs the tools where they are not installed; in CI it runs all the same, and fails. */
export const needsToolkit = {
  skip: !existsSync(join(TOOLKIT, '.package-lock.json')) && process.env.CI !== 'true' && 'needs test/toolkit',
}
/** The tools take a second to start, and as long to ask again whether a build is made. */
export const TAKES_TIME = { timeout: 120_000 }

export interface Ended {
  status: number | null
  out: string
  err: string
}

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
}

type Form = Record<string, string>

export interface Call {
  method?: string
  headers?: Record<string, string>
  form?: Form
  json?: unknown
}

export interface Workbench {
  /** A folder of its own, where the tools keep what they keep for a user. */
  home: string
  url: string
  accountSid: string
  authToken: string
  /** Of a Verify service. */
  serviceSid: string
  /** A copy of a project with these variables in its `.env`, and the credentials. Resolves to its folder. */
  copy(project: string, variables?: Form): Promise<string>
  /** A program, in a folder and in the environment of the tools. */
  spawn(folder: string, program: string, ...args: string[]): ChildProcess
  /** A command below `exec`. */
  start(folder: string, ...command: string[]): ChildProcess
  run(folder: string, ...command: string[]): Promise<Ended>
  /** What a command says that has to end with 0. */
  succeed(folder: string, ...command: string[]): Promise<string>
  /** Deploys what lies in a folder with twilio-run. Resolves to the label of its domain. */
  deploy(folder: string, ...flags: string[]): Promise<string>
  /** Asks the Functions of an environment, as a caller who knows nothing of `exec`. */
  call(label: string, target: string, call?: Call): Promise<Answer>
  /** Asks the server's own API. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  api(path: string, form?: Form): Promise<any>
  /** The code of the message that comes to a number. */
  codeFor(to: string): Promise<string>
  close(): Promise<void>
}

/** With a database of its own, on the engine of this run. */
export async function openWorkbench(): Promise<Workbench> {
  const home = await mkdtemp(join(tmpdir(), 'countersign-functions-'))
  const database = await makeDatabase()
  const accountSid = `AC${randomBytes(16).toString('hex')}`
  const authToken = randomBytes(16).toString('hex')
  const env = {
    ...process.env,
    ...database.env,
    HOME: home,
    XDG_CONFIG_HOME: home,
    TWILIO_DATA_DIR: join(home, 'twilio-cli'),
    // What a shell finds after `npm install` in a project, on our version of Node.
    PATH: [
      dirname(process.execPath),
      join(TOOLKIT, '.bin'),
      join(ROOT, 'node_modules/.bin'),
      process.env.PATH,
    ]
      .filter((folder) => folder !== undefined)
      .join(delimiter),
    PORT: '0',
    COUNTERSIGN_DATA_DIR: join(home, 'data'),
    COUNTERSIGN_ACCOUNT_SID: accountSid,
    COUNTERSIGN_AUTH_TOKEN: authToken,
    COUNTERSIGN_LOG_LEVEL: 'warn',
  }
  const server = spawn(process.execPath, [COUNTERSIGN, 'serve'], { cwd: home, env })
  let banner = ''
  let complaints = ''
  server.stdout.on('data', (chunk) => (banner += chunk))
  server.stderr.on('data', (chunk) => (complaints += chunk))
  await until(() => banner.includes('/inbox/messages') || server.exitCode !== null)
  assert.equal(server.exitCode, null, complaints)
  const shown = (label: string) => new RegExp(`${label} +(\\S+)`).exec(banner)?.[1] ?? ''
  const url = shown('Countersign')
  const authorization = basic(accountSid, authToken)
  let copies = 0

  const bench: Workbench = {
    home,
    url,
    accountSid,
    authToken,
    serviceSid: shown('Verify Service SID'),

    async copy(project, variables = {}) {
      const folder = join(home, `${basename(project)}-${copies++}`)
      const notDeployed = (path: string) => !['node_modules', '.env'].includes(basename(path))
      await cp(project, folder, { recursive: true, filter: notDeployed })
      const known = { ACCOUNT_SID: accountSid, AUTH_TOKEN: authToken, ...variables }
      const lines = Object.entries(known).map(([name, value]) => `${name}=${value}\n`)
      await writeFile(join(folder, '.env'), lines.join(''))
      return folder
    },

    spawn: (folder, program, ...args) => spawn(program, args, { cwd: folder, env }),
    start(folder, ...command) {
      const child = bench.spawn(folder, process.execPath, COUNTERSIGN, 'exec', '--', ...command)
      // Nobody is there to be asked.
      child.stdin?.end()
      return child
    },
    run: (folder, ...command) => collect(bench.start(folder, ...command)),
    async succeed(folder, ...command) {
      const { status, out, err } = await bench.run(folder, ...command)
      assert.equal(status, 0, `${command.join(' ')}: ${err}${out}${complaints}`)
      return out
    },
    async deploy(folder, ...flags) {
      return labelIn(await bench.succeed(folder, 'twilio-run', 'deploy', ...flags))
    },

    async call(label, target, { method, headers = {}, form, json } = {}) {
      const body = form ? new URLSearchParams(form).toString() : json && JSON.stringify(json)
      const type = form ? 'application/x-www-form-urlencoded' : 'application/json'
      const { port } = new URL(url)
      const request = requestHttp({
        port,
        host: '127.0.0.1',
        path: target,
        method: method ?? (body === undefined ? 'GET' : 'POST'),
        headers: {
          host: `${label}.localhost:${port}`,
          ...(body !== undefined && { 'content-type': type }),
          ...headers,
        },
        agent: false,
      }).end(body)
      const [response] = await once(request, 'response')
      return {
        status: response.statusCode,
        headers: response.headers,
        text: (await buffer(response)).toString(),
      }
    },

    async api(path, form) {
      const response = await fetch(url + path, {
        headers: { authorization },
        ...(form && { method: 'POST', body: new URLSearchParams(form) }),
      })
      const said = await response.text()
      assert.ok(response.ok, `${path}: ${said}`)
      return JSON.parse(said)
    },
    async codeFor(to) {
      const { messages } = await bench.api(`/inbox/messages?Wait=10&To=${encodeURIComponent(to)}`)
      return messages[0].code
    },

    async close() {
      server.kill()
      if (server.exitCode === null) await once(server, 'close')
      await database.drop()
      await rm(home, { recursive: true, force: true })
    },
  }
  return bench
}

/** Of the domain that a tool says it has deployed to. */
export function labelIn(out: string): string {
  const [, label] = /^domain +([a-z\d-]+)\.twil\.io\s*$/m.exec(out) ?? []
  assert.ok(label, out)
  return label
}

/** Resolves when it has ended. */
export async function collect(child: ChildProcess): Promise<Ended> {
  const [[status], out, err] = await Promise.all([
    once(child, 'close'),
    text(child.stdout as Readable),
    text(child.stderr as Readable),
  ])
  return { status, out, err }
}
