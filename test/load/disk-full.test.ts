import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { freshNumber } from '../support/server.ts'
import { makeInstallation, type ServerProcess } from './server-process.ts'

const DISK = '8m'
/** Taken by something else, which goes away later. */
const BALLAST_BYTES = 5 * 1024 * 1024
const CLIENTS = 16
const REFUSALS = 100
const AFTER = 100

const mount = (directory: string) =>
  spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', directory]).status === 0
const unmount = (directory: string) => spawnSync('umount', ['--lazy', directory])

/** Starts verifications until `enough`; the recipients and sids of those that were acknowledged. */
async function fill(server: ServerProcess, enough: (accepted: number, refused: number) => boolean) {
  const accepted = new Map<string, string>()
  let refused = 0
  const client = async () => {
    while (!enough(accepted.size, refused)) {
      const to = freshNumber()
      const { status, body } = await server.startVerification(to)
      if (status === 201) accepted.set(to, body.sid)
      else {
        refused++
        assert.deepEqual(
          [status, body],
          [
            503,
            {
              code: 20503,
              message: 'Service is unavailable. Please try again',
              more_info: 'https://www.twilio.com/docs/errors/20503',
              status: 503,
            },
          ],
        )
      }
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  return { accepted, refused }
}

async function assertKept(server: ServerProcess, accepted: ReadonlyMap<string, string>): Promise<void> {
  for (const [to, sid] of accepted) {
    const { status, body } = await server.fetchVerification(to)
    assert.deepEqual([status, body.sid, body.status], [200, sid, 'pending'])
  }
}

test('a full disk refuses with 503, loses nothing, and is got over when space returns', {
  timeout: 120_000,
}, async (t) => {
  const installation = await makeInstallation({ database: 'sqlite' })
  const dataDir = join(installation.dataDir, 'disk')
  mkdirSync(dataDir)
  try {
    if (!mount(dataDir)) {
      assert.notEqual(process.env.CI, 'true')
      return t.skip('needs root, and the right to mount a file system')
    }
    const server = await installation.start({ dataDir })
    const ballast = join(dataDir, 'ballast')
    writeFileSync(ballast, Buffer.alloc(BALLAST_BYTES))

    const full = await fill(server, (_, refused) => refused >= REFUSALS)
    assert.ok(full.accepted.size > 0)
    await assertKept(server, full.accepted)
    assert.equal((await server.get('/healthz')).status, 200)

    rmSync(ballast)
    const after = await fill(server, (accepted, refused) => accepted >= AFTER || refused > 0)
    assert.equal(after.refused, 0)
    await assertKept(server, new Map([...full.accepted, ...after.accepted]))

    await server.stop('SIGKILL')
    const again = await installation.start({ dataDir })
    await assertKept(again, new Map([...full.accepted, ...after.accepted]))
    for (const [to, sid] of full.accepted) {
      const [message] = await again.messages(to, 25)
      assert.equal(message?.verification_sid, sid, 'what the full disk kept from being sent goes out')
    }
  } finally {
    unmount(dataDir)
    await installation.remove()
  }
})
