import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { BOMBS } from './attack.ts'
import type { Bed } from './database.ts'
import { deploy } from './deploy.ts'
import { type Loads, load, median, type Rounds } from './measure.ts'
import { descendantsOf } from './processes.ts'
import { startCountersign, type Target } from './target.ts'

/** Of each kind: all children that an environment may have, and some that wait. */
const CONNECTIONS = 16
/** From the first call to when all children are there. */
const BUILD_UP_MS = 3_000
const CALM_MS = 500

/** What of the speed of verifications is left while Functions do their worst. */
export interface AttackRow {
  /** Which of them: one, or all at once. */
  by: string
  createOfQuiet: number
  quietPerSecond: number
  underAttackPerSecond: number
  /** Over an attack. */
  childrenMb: number
  rounds: { quiet: number; underAttack: number }[]
}

export async function measureUnderAttack(
  bed: Bed,
  serviceSid: string,
  { count, seconds }: Rounds,
): Promise<AttackRow[]> {
  const server = await startCountersign(bed)
  const loads = load(bed, [server], serviceSid)
  const hosts = new Map<string, string>()
  for (const [name, source] of Object.entries(BOMBS))
    hosts.set(name, (await deploy(server, { '/bomb': source })).host)
  await loads.create(seconds)
  const rows: AttackRow[] = []
  for (const by of [...hosts.keys(), 'all'])
    rows.push(await measure(by, by === 'all' ? [...hosts.values()] : [hosts.get(by) ?? '']))
  await server.stop()
  return rows

  async function measure(by: string, targets: string[]): Promise<AttackRow> {
    console.log(`under attack: ${by}`)
    const rounds: AttackRow['rounds'] = []
    let childrenMb = 0
    for (let round = 0; round < count; round++) {
      const quiet = await create(loads, seconds)
      const attack = await startAttack(server, targets)
      const watch = setInterval(() => {
        childrenMb = Math.max(childrenMb, memoryOf(server))
      }, 50)
      const underAttack = await create(loads, seconds)
      clearInterval(watch)
      attack.kill()
      await calm(server)
      rounds.push({ quiet, underAttack })
    }
    return {
      by,
      createOfQuiet: median(rounds.map(({ quiet, underAttack }) => underAttack / quiet)),
      quietPerSecond: median(rounds.map(({ quiet }) => quiet)),
      underAttackPerSecond: median(rounds.map(({ underAttack }) => underAttack)),
      childrenMb,
      rounds,
    }
  }
}

const create = async (loads: Loads, seconds: number) => (await loads.create(seconds)).result.perSecond

async function startAttack({ url }: Target, hosts: string[]): Promise<ChildProcess> {
  const attack = spawn(
    process.execPath,
    [`${import.meta.dirname}/attack.ts`, url, String(CONNECTIONS), ...hosts],
    { stdio: 'inherit' },
  )
  await once(attack, 'spawn')
  await new Promise((resolve) => setTimeout(resolve, BUILD_UP_MS))
  return attack
}

/** Resolves when no child is busy any more. */
async function calm({ child }: Target): Promise<void> {
  const spent = () => descendantsOf(child.pid).reduce((sum, { processorMs }) => sum + processorMs, 0)
  for (let before = Number.NaN, now = spent(); now !== before; now = spent()) {
    before = now
    await new Promise((resolve) => setTimeout(resolve, CALM_MS))
  }
}

const memoryOf = ({ child }: Target) =>
  descendantsOf(child.pid).reduce((sum, { residentMb }) => sum + residentMb, 0)
