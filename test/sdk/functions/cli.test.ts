import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { until } from '../../support/carrier.ts'
import { freshNumber } from '../../support/server.ts'
import { labelIn, needsToolkit, openWorkbench, TAKES_TIME, TOOLKIT, type Workbench } from './workbench.ts'

const PLUGIN = '@twilio-labs/plugin-serverless'

describe('the Twilio CLI with its Serverless plugin', needsToolkit, () => {
  let bench: Workbench
  let folder: string
  let label: string
  before(async () => {
    bench = await openWorkbench()
    folder = await bench.copy(join(import.meta.dirname, 'programs'), { GREETING: 'hello' })
    // As `twilio plugins:link` leaves it, which would ask the world whether the plugin is up to date.
    const data = join(bench.home, 'twilio-cli')
    const plugin = { name: PLUGIN, type: 'link', root: join(TOOLKIT, PLUGIN) }
    await mkdir(data)
    await writeFile(
      join(data, 'package.json'),
      JSON.stringify({ private: true, oclif: { plugins: [plugin] } }),
    )
  }, TAKES_TIME)
  after(() => bench.close())

  const say = (...command: string[]) => bench.succeed(folder, 'twilio', ...command)

  test('deploys, lists and shows logs', TAKES_TIME, async () => {
    label = labelIn(await say('serverless:deploy'))
    assert.equal((await bench.call(label, '/hello')).text, 'Good day to you!')
    assert.match(await say('serverless:list', 'functions', '--environment=dev'), /^\/hello +public\b/m)
    await until(async () => (await say('serverless:logs')).includes('somebody said hello'))
  })

  test('gives a function to a number, whose messages it then answers', TAKES_TIME, async () => {
    const [own, theirs] = [freshNumber(), freshNumber()]
    await bench.api(`/2010-04-01/Accounts/${bench.accountSid}/IncomingPhoneNumbers.json`, {
      PhoneNumber: own,
    })
    const url = `https://${label}.twil.io/reply`
    await say('phone-numbers:update', own, `--sms-url=${url}`)
    await bench.api('/inbox/messages', { From: theirs, To: own, Body: 'Is anybody there?' })
    const { messages } = await bench.api(`/inbox/messages?Wait=10&To=${encodeURIComponent(theirs)}`)
    assert.deepEqual([messages[0].from, messages[0].body], [own, 'You wrote: Is anybody there?'])
  })
})
