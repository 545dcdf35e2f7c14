import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { NO_WALL } from '../../../test/support/function-lab.ts'
import { loadConfig } from '../../config.ts'
import { systemClock, systemRandom } from '../../context.ts'
import { openEgress } from '../egress.ts'
import { openWall } from '../wall/wall.ts'
import { openLauncher } from './launch.ts'

test('a child reads what it needs, though files of the server are nobody else’s', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'launch-'))
  const bundle = { dir: join(folder, 'bundle'), modules: null }
  await mkdir(bundle.dir)
  const noFile = () => Promise.reject({ code: 'ENOENT' })
  const config = await loadConfig({}, folder, noFile)
  const egress = openEgress({ config, clock: systemClock, random: systemRandom })
  const umask = process.umask(0o077)
  try {
    const wall = await openWall({ functionsIsolation: 'best', host: '127.0.0.1' }, folder, systemRandom)
    const complain = (fields: object) => assert.fail(JSON.stringify(fields))
    const log = { warn: complain, error: complain }
    const launcher = await openLauncher(join(folder, 'scratch'), { wall, egress, log })
    const { process: child, clear } = await launcher.launch(bundle, 'AC1')
    const told = text(child.stderr as Readable)
    await Promise.race([once(child.stdio[3] as Readable, 'data'), once(child, 'exit')])
    const { exitCode } = child
    child.kill('SIGKILL')
    assert.equal(await told, '')
    assert.equal(exitCode, null)
    clear()
  } finally {
    process.umask(umask)
    egress.close()
    await rm(folder, { recursive: true, force: true })
  }
})

test('a folder whose sockets would have too long names is refused in words, before anything runs in it', async () => {
  const folder = join(tmpdir(), 'x'.repeat(80))
  const nothing = () => assert.fail()
  const ground = {
    wall: NO_WALL,
    egress: { rootPem: '', listen: nothing },
    log: { warn: nothing, error: nothing },
  }
  await assert.rejects(openLauncher(folder, ground), /shorter by \d+ bytes/)
})
