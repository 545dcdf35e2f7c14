// What is measured against: node:http that parses the form and answers JSON of the same shape, and nothing else.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parse } from 'node:querystring'

const SID = '0000192a5d8c1f0123456789abcdef01'
const DATE = '2026-11-20T12:00:00Z'

const server = createServer((request, response) => {
  let text = ''
  request.setEncoding('utf8')
  request.on('data', (chunk: string) => {
    text += chunk
  })
  request.on('end', () => {
    const form = parse(text)
    const isCheck = form.Code !== undefined
    const body = JSON.stringify({
      sid: `VE${SID}`,
      service_sid: `VA${SID}`,
      account_sid: `AC${SID}`,
      to: form.To,
      channel: 'sms',
      status: isCheck ? 'approved' : 'pending',
      valid: isCheck,
      lookup: {},
      amount: null,
      payee: null,
      send_code_attempts: [{ time: DATE, channel: 'SMS', attempt_sid: `VL${SID}` }],
      sna: null,
      date_created: DATE,
      date_updated: DATE,
      url: `http://127.0.0.1/v2/Services/VA${SID}/Verifications/VE${SID}`,
    })
    response.writeHead(isCheck ? 200 : 201, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(body),
    })
    response.end(body)
  })
})
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
process.once('SIGTERM', () => process.exit(0))
