import type { Context } from '../context.ts'
import { inBites } from '../storage/retention.ts'
import { sidFloor } from '../storage/sid.ts'
import * as builds from './builds/store.ts'
import { VERSION_DAYS } from './limits.ts'
import * as resources from './resources/store.ts'
import { listDeleted, removeService } from './services/store.ts'
import * as versions from './versions/store.ts'
import { dropVersions } from './versions/version.ts'

const DAY_MS = 86_400_000
/** So that no unit of work keeps others waiting. A build may have a thousand items. */
const BITE = 100
const BUILDS_A_BITE = 5

/** Removes, in bites, what deleted services had. Several nodes may do it at once. */
export async function purgeServices({ clock, storage }: Context): Promise<void> {
  const { system, forUpdate } = storage
  for (const { sid } of await listDeleted(system, clock.now())) {
    // In this order: what a build holds is not removed before it.
    await inBites(async () => {
      const some = await builds.listOfService(system, sid, BUILDS_A_BITE)
      await system.write(async (tx) => {
        for (const build of some) await builds.deleteBuild(tx, build.account_sid, build.sid)
      })
      return some.length
    })
    await inBites(async () => {
      const some = await versions.listOfService(system, sid, BITE)
      await system.write((tx) => dropVersions(tx, forUpdate, some))
      return some.length
    })
    await inBites(async () => {
      const some = await resources.listOfService(system, sid, BITE)
      await system.write(async (tx) => {
        for (const resource of some) await resources.deleteRow(tx, resource.account_sid, resource.sid)
      })
      return some.length
    })
    await system.write((tx) => removeService(tx, sid))
  }
}

/** Removes uploads that no build has held for a week, as the real platform does. */
export async function pruneVersions({ clock, storage }: Context): Promise<void> {
  const { system, forUpdate } = storage
  const end = sidFloor('ZN', 0, clock.now() - VERSION_DAYS * DAY_MS)
  let reached = ''
  await inBites(async () => {
    const some = await versions.listForgotten(system, reached, end, BITE)
    reached = some.at(-1)?.sid ?? reached
    await system.write((tx) => dropVersions(tx, forUpdate, some))
    return some.length
  })
}
