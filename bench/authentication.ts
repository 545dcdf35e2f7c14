import type { Bed } from './database.ts'
import { inTurn, KEYS, UNCHECKED } from './keys.ts'
import { type Loads, load, median } from './measure.ts'
import { startWithSwitch } from './target.ts'

/** Creates of a slice. Many short slices: what disturbs the machine for a while disturbs both ways alike. */
const SLICE = 1_000

/** What 10,000 keys, each request with another one, leave of the speed without any check of who asks. */
export interface AuthenticationRow {
  name: string
  rows: number
  createOfUnchecked: number
  checkOfUnchecked: number
  /** Of a create and its check, one after the other. */
  pairOfUnchecked: number
  /** The same, by processor time. */
  pairOfUncheckedByProcessor: number
  /** Processor time of the server for a create with its delivery and for its check, where the system tells it. */
  pairMicros: number | undefined
  pairMicrosUnchecked: number | undefined
  rounds: Round[]
}

interface Pair {
  create: number
  check: number
  micros: number | undefined
}

type Round = Record<'checked' | 'unchecked', Pair>

/** Both ways in one process on one database, in turn, and each way first in every other round. Adds keys to the database. */
export async function measureAuthentication(
  bed: Bed,
  existing: number,
  serviceSid: string,
  count: number,
): Promise<AuthenticationRow> {
  console.log(`${bed.engine}, with and without authentication`)
  await bed.addKeys(KEYS)
  const server = await startWithSwitch(bed)
  const checked = load(bed, [server], serviceSid, inTurn('Basic'))
  const unchecked = load(bed, [server], serviceSid, inTurn(UNCHECKED))
  await checked.check((await checked.createMany(KEYS)).sent)
  await eventsSealed(bed)
  const rounds: Round[] = []
  for (let round = -1; round < count; round++) {
    const early = round % 2 === 0 ? await measurePair(unchecked) : undefined
    const pair = await measurePair(checked)
    const both = { checked: pair, unchecked: early ?? (await measurePair(unchecked)) }
    if (round >= 0) rounds.push(both)
  }
  await server.stop()
  const ratio = (of: (pair: Pair) => number) =>
    median(rounds.map((round) => of(round.checked) / of(round.unchecked)))
  const micros = (of: (round: Round) => Pair) =>
    median(rounds.map(of).flatMap((pair) => (pair.micros === undefined ? [] : [pair.micros])))
  return {
    name: bed.engine,
    rows: existing,
    createOfUnchecked: ratio(({ create }) => create),
    checkOfUnchecked: ratio(({ check }) => check),
    pairOfUnchecked: ratio(({ create, check }) => 1 / (1 / create + 1 / check)),
    pairOfUncheckedByProcessor: ratio(({ micros = Number.NaN }) => 1 / micros),
    pairMicros: micros((round) => round.checked),
    pairMicrosUnchecked: micros((round) => round.unchecked),
    rounds,
  }
}

async function measurePair(loads: Loads): Promise<Pair> {
  const { result: create, sent } = await loads.createMany(SLICE)
  const check = await loads.check(sent)
  return {
    create: create.perSecond,
    check: check.perSecond,
    micros: create.micros && check.micros && create.micros + check.micros,
  }
}

/** A key's first log-in of the day is an event: that is over before what every request costs is measured. */
async function eventsSealed(bed: Bed): Promise<void> {
  const untilMs = performance.now() + 60_000
  for (;;) {
    const { sealed, unsealed } = await bed.query<Record<'sealed' | 'unsealed', number>>(LOG_INS)
    if (sealed > 0 && unsealed === 0) return
    if (performance.now() > untilMs) throw new Error(`${unsealed} events of first log-ins are not sealed`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

const LOG_INS = `select cast(count(n) as integer) as sealed, cast(count(*) - count(n) as integer) as unsealed
  from audit_event where event_type = 'login.accepted'`
