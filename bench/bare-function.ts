// What Functions are measured against: node:http that answers what the hello-world says, and nothing else.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const BODY = 'Hello world!'

const server = createServer((request, response) => {
  request.resume()
  request.on('end', () => {
    response.writeHead(200, {
      'content-type': 'text/plain; charset=utf8',
      'content-length': Buffer.byteLength(BODY),
    })
    response.end(BODY)
  })
})
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
process.once('SIGTERM', () => process.exit(0))
