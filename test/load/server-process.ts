import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { basic, encodeForm, type Form, makeDatabase, type Reply } from '../support/server.ts'

const ENTRY = resolve(import.meta.dirname, '../../bin/server.ts')

/** What outlives a process: the data directory or the schema, the key, the credentials. */
export interface Installation {
  dataDir: string
  accountSid: string
  authToken: string
  env: NodeJS.ProcessEnv
  /** Starts a server on it, ready to answer; `wrap` is a command to run it under. */
  start(options?: { wrap?: readonly string[]; dataDir?: string }): Promise<ServerProcess>
  /** Kills what still runs and removes everything. */
  remove(): Promise<void>
}

export interface ServerProcess {
  url: string
  serviceSid: string
  /** All it wrote to standard error: its log. */
  log(): string
  /** With the credentials of the installation unless others are given. */
  get(path: string, authorization?: string): Promise<Reply>
  post(path: string, form?: Form, authorization?: string): Promise<Reply>
  del(path: string, authorization?: string): Promise<Reply>
  startVerification(to: string, form?: Form): Promise<Reply>
  check(to: string, code: string): Promise<Reply>
  fetchVerification(name: string): Promise<Reply>
  /** What the inbox holds for a recipient, newest first; with `waitSeconds` it waits for a first message. */
  messages(to: string, waitSeconds?: number): Promise<{ code: string; verification_sid: string }[]>
  /** Resolves when the process is gone. */
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

/** Makes what a server needs, on the database under test unless `env` says otherwise. */
export async function makeInstallation(
  options: { env?: NodeJS.ProcessEnv; database?: 'sqlite' } = {},
): Promise<Installation> {
  const dataDir = mkdtempSync(join(tmpdir(), 'countersign-load-'))
  const database = options.database === 'sqlite' ? { env: {}, drop: async () => {} } : await makeDatabase()
  const accountSid = `AC${randomBytes(16).toString('hex')}`
  const authToken = randomBytes(16).toString('hex')
  const env = {
    PATH: process.env.PATH,
    PORT: '0',
    COUNTERSIGN_DATA_DIR: dataDir,
    COUNTERSIGN_ACCOUNT_SID: accountSid,
    COUNTERSIGN_AUTH_TOKEN: authToken,
    COUNTERSIGN_MASTER_KEY: randomBytes(32).toString('base64'),
    ...database.env,
    ...options.env,
  }
  const running = new Set<ServerProcess>()
  return {
    dataDir,
    accountSid,
    authToken,
    env,
    async start({ wrap = [], dataDir: other } = {}) {
      const server = await startProcess(wrap, other ? { ...env, COUNTERSIGN_DATA_DIR: other } : env)
      running.add(server)
      return server
    },
    async remove() {
      await Promise.all([...running].map((server) => server.stop('SIGKILL')))
      await database.drop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

async function startProcess(wrap: readonly string[], env: NodeJS.ProcessEnv): Promise<ServerProcess> {
  const [command = process.execPath, ...args] = [...wrap, process.execPath, ENTRY]
  const child = spawn(command, args, {
    env,
    cwd: env.COUNTERSIGN_DATA_DIR,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    log += text
  })
  const { url, serviceSid } = await readBanner(child).catch((error) => {
    throw new Error(`${error.message}\n${log}`)
  })
  const agent = new Agent({ keepAlive: true })
  const own = basic(env.COUNTERSIGN_ACCOUNT_SID ?? '', env.COUNTERSIGN_AUTH_TOKEN ?? '')
  const call = (method: 'GET' | 'POST' | 'DELETE', path: string, form?: Form, authorization = own) =>
    exchange(new URL(path, url), agent, method, authorization, form)
  const service = `/v2/Services/${serviceSid}`
  return {
    url,
    serviceSid,
    log: () => log,
    get: (path, authorization) => call('GET', path, undefined, authorization),
    post: (path, form = {}, authorization) => call('POST', path, form, authorization),
    del: (path, authorization) => call('DELETE', path, undefined, authorization),
    startVerification: (to, form) =>
      call('POST', `${service}/Verifications`, { To: to, Channel: 'sms', ...form }),
    check: (to, code) => call('POST', `${service}/VerificationCheck`, { To: to, Code: code }),
    fetchVerification: (name) => call('GET', `${service}/Verifications/${encodeURIComponent(name)}`),
    async messages(to, waitSeconds = 0) {
      const { body } = await call('GET', `/inbox/messages?To=${encodeURIComponent(to)}&Wait=${waitSeconds}`)
      return body.messages
    },
    async stop(signal) {
      agent.destroy()
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'close')
      child.kill(signal)
      await gone
    },
  }
}

/** The banner tells the address once the server answers. Rejects if the process ends without one. */
function readBanner(child: ChildProcess): Promise<{ url: string; serviceSid: string }> {
  return new Promise((resolve, reject) => {
    let said = ''
    child.once('error', reject)
    child.once('exit', (status) => reject(new Error(`the server ended with status ${status}`)))
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      said += text
      const [, url, serviceSid] = /Countersign +(http\S+)[\s\S]*Service SID +(VA\w+)/.exec(said) ?? []
      if (url && serviceSid) resolve({ url, serviceSid })
    })
  })
}

/** Rejects if the connection breaks before the whole answer is here: then nothing was acknowledged. */
function exchange(
  url: URL,
  agent: Agent,
  method: string,
  authorization: string,
  form?: Form,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(url, {
      agent,
      method,
      headers: { authorization, ...(form && { 'content-type': 'application/x-www-form-urlencoded' }) },
    })
    outgoing.once('error', reject)
    outgoing.once('response', (reply) => {
      let text = ''
      reply.setEncoding('utf8').on('data', (part) => {
        text += part
      })
      reply.once('error', reject)
      reply.once('end', () => {
        if (!reply.complete) return reject(new Error('the answer was cut off'))
        resolve({
          status: reply.statusCode ?? 0,
          body: text === '' ? undefined : JSON.parse(text),
          headers: reply.headers,
        })
      })
    })
    outgoing.end(form && encodeForm(form))
  })
}
