import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { deploy } from '../../test/support/deployment.ts'
import { freshNumber, type TestServer, testServer } from '../../test/support/server.ts'

const REPLY = `exports.handler = (context, event, callback) => {
  const response = new Twilio.Response()
  response.appendHeader('Content-Type', 'text/xml')
  response.setBody('<Response><Message>You said ' + event.Body + '</Message></Response>')
  callback(null, response)
}`

let server: TestServer
let label: string
before(async () => {
  server = await testServer()
  label = (await deploy(server, [{ path: '/sms-reply', content: REPLY, visibility: 'protected' }])).label
})
after(() => server.close())

for (const base of ['https://LABEL.twil.io', 'http://LABEL.localhost:8080', 'https://LABEL.localhost']) {
  test(`a protected Function answers a message by ${base}, whatever DNS says of it`, async () => {
    const [line, person] = [freshNumber(), freshNumber()]
    const account = `/2010-04-01/Accounts/${server.accountSid}`
    const form = { PhoneNumber: line, SmsUrl: `${base.replace('LABEL', label)}/sms-reply` }
    assert.equal((await server.post(`${account}/IncomingPhoneNumbers.json`, form)).status, 201)
    await server.post('/inbox/messages', { From: person, To: line, Body: 'Ahoy' })
    await server.ctx.messaging.drained()
    const { body } = await server.get(`/inbox/messages?To=${encodeURIComponent(person)}`)
    assert.deepEqual(
      body.messages.map((message: { body: string }) => message.body),
      ['You said Ahoy'],
    )
  })
}
