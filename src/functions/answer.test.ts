import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { until } from '../../test/support/carrier.ts'
import { fakeClock } from '../../test/support/clock.ts'
import { sendAnswer } from './answer.ts'

/** More than the system takes for a client that does not read. */
const LENGTH = 48 * 1024 * 1024

describe('an answer that is not read', () => {
  const clock = fakeClock()
  const responses: ServerResponse[] = []
  const server = createServer((request, response) => {
    responses.push(response)
    const body = Buffer.alloc(request.url === '/large' ? LENGTH : 1)
    // As always, when all of the request has come.
    request
      .once('end', () => sendAnswer(clock, request, response, { status: 200, headers: [], body }))
      .resume()
  })
  before(() => once(server.listen(0, '127.0.0.1'), 'listening'))
  after(() => server.close())

  async function ask(...paths: string[]): Promise<{ socket: Socket; asked: ServerResponse[] }> {
    responses.length = 0
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').pause()
    socket.on('error', () => {})
    socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''))
    await until(() => responses.length === paths.length && responses.every(({ headersSent }) => headersSent))
    return { socket, asked: [...responses] }
  }

  test('ends its connection after half a minute, with all that wait behind it', async () => {
    const { socket, asked } = await ask('/large', '/small')
    // The system takes some of it first.
    for (let n = 0; n < 100 && !asked.every(({ closed }) => closed); n++) await clock.advance('31s')
    assert.ok(asked.every(({ closed }) => closed))
    assert.ok(asked.every(({ writableFinished }) => !writableFinished))
    socket.destroy()
  })

  test('is waited for while some of it is taken', async () => {
    const { socket, asked } = await ask('/large')
    let got = 0
    socket.on('data', (chunk) => {
      got += chunk.length
    })
    for (let reads = 1; reads <= 3; reads++) {
      const before = got
      socket.resume()
      await until(() => got > before + 8 * 1024 * 1024)
      socket.pause()
      await clock.advance('20s')
    }
    assert.ok(asked.every(({ destroyed }) => !destroyed))
    socket.resume()
    await until(() => got > LENGTH && asked.every(({ closed }) => closed))
    await clock.advance('31s')
    assert.deepEqual([asked[0]?.writableFinished, socket.destroyed], [true, false])
    socket.destroy()
  })
})
