import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { freshNumber, type TestServer, testServer } from '../support/server.ts'
import { runExample } from './example.ts'
import { needs } from './exec/needs.ts'

const run = promisify(execFile)

describe('curl', () => {
  let server: TestServer
  let url: string
  before(async () => {
    server = await testServer()
    url = await server.listen()
  })
  after(() => server.close())

  /** The commands of a tutorial for Twilio, after its three variables, with nothing changed but the host. */
  async function tutorial(serviceVariable: string, command: string) {
    const variables = [
      `export TWILIO_ACCOUNT_SID=${server.accountSid}`,
      `export TWILIO_AUTH_TOKEN=${server.authToken}`,
      `export ${serviceVariable}=${server.serviceSid}`,
    ]
    const script = [...variables, command.replaceAll('https://verify.twilio.com', url)].join('\n')
    const { stdout } = await run('sh', ['-euc', script], { env: { PATH: process.env.PATH } })
    return JSON.parse(stdout)
  }

  for (const name of ['VERIFICATION_SID', 'TWILIO_VERIFY_SERVICE_SID']) {
    test(`goes the four steps of the tutorial, with ${name}`, needs('curl'), async () => {
      const to = freshNumber()
      const check = (code: string) => `
        curl -X POST "https://verify.twilio.com/v2/Services/$${name}/VerificationCheck" \\
          --data-urlencode "To=${to}" \\
          --data-urlencode "Code=${code}" \\
          -u "$TWILIO_ACCOUNT_SID:$TWILIO_AUTH_TOKEN"`
      const created = await tutorial(
        name,
        `curl -X POST "https://verify.twilio.com/v2/Services/$${name}/Verifications" \\
          --data-urlencode "To=${to}" \\
          --data-urlencode "Channel=sms" \\
          -u $TWILIO_ACCOUNT_SID:$TWILIO_AUTH_TOKEN`,
      )
      assert.deepEqual([created.to, created.status, created.valid], [to, 'pending', false])
      const code = await server.lastCode(to)
      const wrong = await tutorial(name, check(code === '123456' ? '654321' : '123456'))
      assert.deepEqual([wrong.sid, wrong.status, wrong.valid], [created.sid, 'pending', false])
      const right = await tutorial(name, check(code))
      assert.deepEqual([right.sid, right.status, right.valid], [created.sid, 'approved', true])
      const again = await tutorial(name, check(code))
      assert.deepEqual([again.status, again.code], [404, 20404])
    })
  }

  test('runs the example', needs('curl'), async () => {
    const printed = await runExample(server, url, 'sh', 'curl/verify.sh', freshNumber())
    const [created, checked] = printed.split('\nCode: ').map((answer) => JSON.parse(answer))
    assert.deepEqual([created.status, checked.status, checked.sid], ['pending', 'approved', created.sid])
  })
})
