import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TestServer } from '../support/server.ts'

const EXAMPLES = join(import.meta.dirname, '../../examples')

/** The environment that the README's examples ask for. */
export const exampleEnvironment = (server: TestServer, url: string) => ({
  PATH: process.env.PATH,
  TWILIO_ACCOUNT_SID: server.accountSid,
  TWILIO_AUTH_TOKEN: server.authToken,
  TWILIO_VERIFY_SERVICE_SID: server.serviceSid,
  VERIFY_URL: url,
})

/** Runs an example as a person would: gives the code that arrived when it asks. Returns all it printed. */
export async function runExample(server: TestServer, url: string, program: string, file: string, to: string) {
  const child = spawn(program, [join(EXAMPLES, file), to], { env: exampleEnvironment(server, url) })
  const complaints = text(child.stderr)
  const ended = once(child, 'close')
  try {
    let printed = ''
    let asked = false
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      printed += chunk
      if (asked || !printed.endsWith('Code: ')) continue
      asked = true
      child.stdin.end(`${await server.lastCode(to)}\n`)
    }
    const [status] = await ended
    assert.equal(status, 0, await complaints)
    return printed
  } finally {
    // One that failed in between still asks, and would keep the run from ending.
    child.kill()
  }
}
