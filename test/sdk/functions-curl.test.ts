import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { BASIC_AUTH } from '../support/basic-auth.ts'
import { deploy } from '../support/deployment.ts'
import { type TestServer, testServer } from '../support/server.ts'
import { needs } from './exec/needs.ts'

const run = promisify(execFile)
const MAIN = join(import.meta.dirname, 'exec/main.ts')

describe("Twilio's page about Basic authentication, by curl under exec", needs('curl'), () => {
  let server: TestServer
  let origin: string
  let folder: string
  let url: string
  before(async () => {
    server = await testServer()
    origin = await server.listen()
    folder = await mkdtemp(join(tmpdir(), 'countersign-curl-'))
    const { label } = await deploy(server, [{ path: '/basic', content: BASIC_AUTH }])
    url = `https://${label}.twil.io/basic`
  })
  after(async () => {
    await server.close()
    await rm(folder, { recursive: true })
  })

  /** What curl prints with -i, but for the date, and for what the proxy of exec says. */
  async function curl(...args: string[]): Promise<string[]> {
    const { stdout } = await run(process.execPath, [
      MAIN,
      origin,
      folder,
      'curl',
      '-sS',
      '-i',
      '-L',
      '--suppress-connect-headers',
      ...args,
      url,
    ])
    const [head = '', body = ''] = stdout.split('\r\n\r\n')
    const [status = '', ...headers] = head.split('\r\n')
    assert.match(headers.find((header) => header.startsWith('date: ')) ?? '', /GMT$/)
    return [status.trim(), ...headers.filter((header) => !header.startsWith('date: ')).sort(), body]
  }

  const refusal = [
    'content-length: 12',
    'content-type: application/octet-stream',
    'www-authenticate: Basic realm="Authentication Required"',
    'x-shenanigans: none',
    'Unauthorized',
  ]

  test('without credentials: 401, exactly these headers', async () => {
    assert.deepEqual(await curl('-X', 'POST'), ['HTTP/2 401', ...refusal])
    assert.deepEqual(await curl('--http2'), ['HTTP/2 401', ...refusal])
  })

  test('with credentials: 200, exactly these headers', async () => {
    assert.deepEqual(await curl('-X', 'POST', '-H', 'Authorization: Basic dHdpbGlvOmFob3kh'), [
      'HTTP/2 200',
      'content-length: 2',
      'content-type: text/plain; charset=utf8',
      'x-content-type-options: nosniff',
      'x-shenanigans: none',
      'x-xss-protection: 1; mode=block',
      'OK',
    ])
  })

  test('with wrong ones: 401', async () => {
    assert.deepEqual(await curl('-u', 'twilio:wrong'), ['HTTP/2 401', ...refusal])
  })
})
