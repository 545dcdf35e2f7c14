import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { buildApp } from '../src/app.ts'
import { openAuthority } from '../src/intercept/ca.ts'
import { basic, testServer } from './support/server.ts'

test('over HTTP/2, which has no Host, addresses in answers are those that the request came by', async () => {
  const server = await testServer()
  const { certify, rootPem } = await openAuthority(join(server.ctx.config.dataDir, 'ca'), server.ctx)
  const { key, cert } = certify('verify.twilio.com')
  const tls = { key: Buffer.from(key), cert: Buffer.from(cert) }
  const app = buildApp(server.ctx, { tls, controlSecret: 'not used' })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const session = connect(`https://127.0.0.1:${port}`, { ca: rootPem, servername: 'verify.twilio.com' })
  try {
    const get = async (authority: string, path: string) => {
      const authorization = basic(server.accountSid, server.authToken)
      const stream = session.request({ ':authority': authority, ':path': path, authorization })
      const [[headers], body] = await Promise.all([once(stream, 'response'), text(stream)])
      return { status: headers[':status'], body: JSON.parse(body) }
    }
    const path = `/v2/Services/${server.serviceSid}`
    assert.equal((await get('verify.twilio.com', path)).body.url, `https://verify.twilio.com${path}`)
    assert.equal((await get(`localhost:${port}`, path)).body.url, `https://localhost:${port}${path}`)
    assert.equal((await get('api.twilio.com', path)).status, 404)
  } finally {
    session.close()
    await app.close()
    await server.close()
  }
})
