import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Finding } from './doctor.ts'

const ASK = ['show', '--property=NTPSynchronized', '--value']
const PATIENCE_MS = 2_000

/** Of a machine that has no other to compare its clock with: what the kernel tells of it, through `command`. */
export async function examineOwnClock(nowMs: number, command = 'timedatectl'): Promise<Finding> {
  const what = 'clock'
  const time = `${new Date(nowMs).toISOString()} by this machine`
  const answer = await promisify(execFile)(command, ASK, { timeout: PATIENCE_MS }).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  )
  if (answer === 'yes') return { what, state: 'ok', detail: `${time}, which keeps it by NTP` }
  if (answer === 'no') {
    const advice = 'have it keep its time by NTP: the life of codes and what logs tell hang on it'
    return { what, state: 'warning', detail: `${time}, whose clock is not synchronised`, advice }
  }
  return { what, state: 'ok', detail: `${time}, which does not tell whether it keeps it by NTP` }
}
