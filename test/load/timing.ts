import { randomInt } from 'node:crypto'

/** Calls before the first that counts: until then the compiler is still at work. */
const WARM_UP = 0.1
/** The slowest tenth of all calls is the machine's doing, whatever the kind. */
const KEPT = 0.9
/** |t| beyond which the means of two samples differ: by chance once in 140,000 tries. */
const CRITICAL_T = 4.5
/** What differs has to differ in each of them. Once, a busy machine does it too. */
const TRIES = 3

export interface Sample {
  count: number
  meanNs: number
  variance: number
}

/** Makes one call ready; the call that it returns is what is timed. */
export type Ready = () => () => unknown

/**
 * Times calls of several kinds, in random order, so that what slows the machine slows all kinds. All are made ready
 * before the first: what the making leaves in the processor's caches is not the call's.
 */
export async function timeKinds<K extends string>(
  kinds: Record<K, Ready>,
  calls: number,
): Promise<Record<K, Sample>> {
  const names = Object.keys(kinds) as K[]
  const ready = Array.from({ length: calls * (1 + WARM_UP) }, () => {
    const name = names[randomInt(names.length)] as K
    return { name, call: kinds[name]() }
  })
  const timed: { name: K; ns: number }[] = []
  for (const { name, call } of ready) {
    const begun = process.hrtime.bigint()
    const result = call()
    if (result instanceof Promise) await result
    timed.push({ name, ns: Number(process.hrtime.bigint() - begun) })
  }
  timed.splice(0, calls * WARM_UP)
  timed.sort((a, b) => a.ns - b.ns).splice(Math.floor(timed.length * KEPT))
  const sampleOf = (name: K) => describe(timed.flatMap((one) => (one.name === name ? [one.ns] : [])))
  return Object.fromEntries(names.map((name) => [name, sampleOf(name)])) as Record<K, Sample>
}

function describe(values: readonly number[]): Sample {
  const count = values.length
  const meanNs = values.reduce((sum, ns) => sum + ns, 0) / count
  const variance = values.reduce((sum, ns) => sum + (ns - meanNs) ** 2, 0) / (count - 1)
  return { count, meanNs, variance }
}

/** Welch's t says that the means differ, were it by a nanosecond. */
export const differs = (a: Sample, b: Sample) =>
  Math.abs(a.meanNs - b.meanNs) > CRITICAL_T * Math.sqrt(a.variance / a.count + b.variance / b.count)

/** What is found in every one of three tries. */
export async function findEachTime<T>(find: () => Promise<readonly T[]>): Promise<readonly T[]> {
  let found = await find()
  for (let tries = 1; tries < TRIES && found.length > 0; tries++) {
    const again = await find()
    found = found.filter((one) => again.includes(one))
  }
  return found
}

/** What is found in any of three tries: for what has to be seen, which a busy machine may hide once or twice. */
export async function findAnyTime<T>(find: () => Promise<readonly T[]>): Promise<readonly T[]> {
  const found = new Set<T>()
  for (let tries = 0; tries < TRIES; tries++) for (const one of await find()) found.add(one)
  return [...found]
}
