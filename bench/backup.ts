import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ask } from '../src/cli/ask.ts'
import { loadConfig } from '../src/config.ts'
import type { Bed } from './database.ts'
import { load, median, type Rounds } from './measure.ts'
import { ROOT, settings, type Target } from './target.ts'

const RATE = 500

/** How long creates take at a fixed, modest rate, and how long while one backup follows another. */
export interface BackupRow {
  rows: number
  rate: number
  backupMb: number
  backupMs: number
  quiet: Latency
  during: Latency
  rounds: Record<'quiet' | 'during', Latency>[]
}

interface Latency {
  p50Ms: number
  p99Ms: number
}

export async function measureBackup(
  bed: Bed,
  existing: number,
  server: Target,
  serviceSid: string,
  { count, seconds }: Rounds,
): Promise<BackupRow> {
  console.log(`${bed.engine}, backup`)
  const config = await loadConfig(settings(bed), ROOT, (path) => readFile(path, 'utf8'))
  const loads = load(bed, [server], serviceSid)
  const made: { bytes: number; ms: number }[] = []

  async function latency(): Promise<Latency> {
    const { result, sent } = await loads.create(seconds, RATE)
    await loads.check(sent)
    return { p50Ms: result.p50Ms, p99Ms: result.p99Ms }
  }

  /** One after the other, for as long as `work` lasts. */
  async function backingUp<T>(work: Promise<T>): Promise<T> {
    let isOver = false
    const over = work.finally(() => {
      isOver = true
    })
    const paths: string[] = []
    while (!isOver) {
      const path = join(bed.dataDir, `backup-${made.length}.db`)
      paths.push(path)
      made.push(await ask(config, 'backup', { path }))
    }
    // Only now: to give back so much room keeps some disks busy.
    for (const path of paths) await rm(path)
    return over
  }

  const rounds: BackupRow['rounds'] = []
  for (let round = 0; round < count; round++) {
    rounds.push({ quiet: await latency(), during: await backingUp(latency()) })
  }
  const middle = (way: 'quiet' | 'during'): Latency => ({
    p50Ms: median(rounds.map((round) => round[way].p50Ms)),
    p99Ms: median(rounds.map((round) => round[way].p99Ms)),
  })
  return {
    rows: existing,
    rate: RATE,
    backupMb: median(made.map(({ bytes }) => bytes)) / 2 ** 20,
    backupMs: median(made.map(({ ms }) => ms)),
    quiet: middle('quiet'),
    during: middle('during'),
    rounds,
  }
}
