/** Functions, the server and what is between: what a function reaches, and what it does not. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as requestHttp } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { type Deployment, deploy } from '../../test/support/deployment.ts'
import { type TestServer, testServer } from '../../test/support/server.ts'

/** Answers with what came of a request, or why nothing did. */
const FETCH = `exports.handler = async (context, event, callback) => {
  const { url, user, password, ...form } = event
  const authorization = 'Basic ' + Buffer.from((user || context.ACCOUNT_SID) + ':' + (password || context.AUTH_TOKEN)).toString('base64')
  try {
    const answer = await fetch(url, { headers: { authorization, 'x-forwarded-for': '203.0.113.9' } })
    callback(null, { status: answer.status, body: await answer.text() })
  } catch (error) {
    callback(null, { error: String(error.cause || error) })
  }
}`
const HELLO = "exports.handler = (context, event, callback) => callback(null, 'hello ' + event.name)"
const CONNECT = `exports.handler = (context, event, callback) => {
  const socket = require('node:net').connect(Number(event.port), event.host)
  socket.on('data', (data) => callback(null, String(data)))
  socket.on('error', (error) => callback(null, 'error ' + error.code))
  socket.on('close', () => callback(null, 'closed'))
}`

let server: TestServer
let origin: string
let main: Deployment
before(async () => {
  server = await testServer({ env: { COUNTERSIGN_FUNCTIONS_EGRESS: 'all, 127.0.0.0/8' } })
  origin = await server.listen()
  main = await deploy(server, [
    { path: '/fetch', content: FETCH },
    { path: '/hello', content: HELLO },
    { path: '/connect', content: CONNECT },
  ])
})
after(() => server.close())

async function ask(path: string): Promise<string> {
  const headers = { host: `${main.label}.twil.io` }
  const request = requestHttp(origin + path, { agent: false, headers }).end()
  const [response] = await once(request, 'response')
  return text(response)
}

const fetchThrough = async (url: string, more = '') =>
  JSON.parse(await ask(`/fetch?url=${encodeURIComponent(url)}${more}`))

test('the local API, by the names of Twilio, as the account of the function', async () => {
  const { status, body } = await fetchThrough(`https://verify.twilio.com/v2/Services/${server.serviceSid}`)
  assert.deepEqual([status, JSON.parse(body).sid], [200, server.serviceSid])
})

test('a function of the same domain', async () => {
  for (const url of [
    `https://${main.label}.twil.io/hello?name=a`,
    `http://${main.label}.localhost/hello?name=b`,
  ]) {
    const { status, body } = await fetchThrough(url)
    assert.deepEqual([status, body], [200, `hello ${url.at(-1)}`])
  }
})

test('comes from the address of its account, whatever it says', async () => {
  await fetchThrough(
    'https://verify.twilio.com/v2/Services',
    '&user=AC00000000000000000000000000000001&password=x',
  )
  await server.ctx.logins.flush({ all: true })
  const { body } = await server.get('/v1/Events?PageSize=100')
  const addresses = body.events
    .filter((event: { event_type: string }) => /refused|failed/.test(event.event_type))
    .map((event: { source_ip_address: string }) => event.source_ip_address)
  assert.match(addresses.join(), /^127\.(12[89]|1[3-9]\d|2\d\d)\.\d+\.\d+$/)
})

test('nothing of this machine, even where a list names it', async () => {
  const other = createServer((socket) => socket.end('reached'))
  await once(other.listen(0, '127.0.0.1'), 'listening')
  const { port } = other.address() as AddressInfo
  try {
    for (const host of ['127.0.0.1', 'localhost', '::ffff:127.0.0.1', '169.254.169.254'])
      assert.doesNotMatch(
        await ask(`/connect?port=${port}&host=${encodeURIComponent(host)}`),
        /reached/,
        host,
      )
    assert.match((await fetchThrough(`http://127.0.0.1:${port}/`)).error, /./)
  } finally {
    other.close()
  }
})
