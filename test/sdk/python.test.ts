import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { freshNumber, type TestServer, testServer } from '../support/server.ts'
import { exampleEnvironment, runExample } from './example.ts'
import { needsPythonTwilio } from './exec/needs.ts'

const run = promisify(execFile)
const PYTHON = '/usr/bin/python3'

describe('Debian’s twilio-python', () => {
  let server: TestServer
  let url: string
  before(async () => {
    server = await testServer()
    url = await server.listen()
  })
  after(() => server.close())

  test('does the main path', needsPythonTwilio(), async () => {
    const script = join(import.meta.dirname, 'python/main-path.py')
    const { stdout } = await run(PYTHON, [script, url, freshNumber()], {
      env: exampleEnvironment(server, url),
    })
    assert.deepEqual(JSON.parse(stdout), {
      service: ['From Python', 8, 'datetime'],
      verification: ['pending', false, 'sms'],
      code_length: 8,
      wrong: ['pending', false],
      right: ['approved', true, true],
      again: [404, 20404],
      bad_number: [400, 60200],
      attempts: [['sms', 'converted']],
      services: ['From Python', 'Test'],
      canceled: ['canceled', true],
      deleted: true,
      gone: [404, 20404],
    })
  })

  test('runs the example', needsPythonTwilio(), async () => {
    const printed = await runExample(server, url, PYTHON, 'python/verify.py', freshNumber())
    assert.match(printed, /^(VE[0-9a-f]{32}) is pending\nCode: \1 is approved\n$/)
  })
})
