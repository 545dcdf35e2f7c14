import { randomBytes, randomInt } from 'node:crypto'
import type { World } from '../../../src/intercept/certificate.ts'

/** Real time and chance: OpenSSL, Java and the others look at their own clocks. */
export const world: World = {
  clock: {
    now: () => Date.now(),
    after: (ms, run) => {
      const timer = setTimeout(run, ms).unref()
      return () => clearTimeout(timer)
    },
  },
  random: { bytes: (length) => randomBytes(length), int: (max) => randomInt(max) },
}
