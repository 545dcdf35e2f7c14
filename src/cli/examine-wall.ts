import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { systemRandom } from '../context.ts'
import { refuseLongPath } from '../functions/runtime/launch.ts'
import { openWall } from '../functions/wall/wall.ts'
import type { Finding } from '../operations/doctor.ts'

/** What keeps Functions away from the rest of this machine, tried as a server of this user would. */
export async function examineWall(config: Config): Promise<Finding> {
  const what = 'wall around Functions'
  const tooLong = refuseLongPath(join(config.dataDir, 'functions'))
  if (tooLong !== undefined)
    return { what, state: 'problem', detail: tooLong, advice: 'no Function can run before this' }
  const folder = await mkdtemp(join(tmpdir(), 'countersign-doctor-'))
  try {
    const { kind, refusal, describe } = await openWall(config, folder, systemRandom)
    if (kind !== 'none') return { what, state: 'ok', detail: describe() }
    const advice = 'docs/functions.md, under Isolation'
    return refusal === undefined
      ? {
          what,
          state: 'warning',
          detail: `${describe()}: run nobody's code but your own, which may fill the disk`,
          advice,
        }
      : { what, state: 'problem', detail: refusal, advice }
  } finally {
    await rm(folder, { recursive: true })
  }
}
