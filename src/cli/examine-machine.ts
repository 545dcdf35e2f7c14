import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { Config } from '../config.ts'
import { nameSetting } from '../listen.ts'
import type { Finding } from '../operations/doctor.ts'
import { explain } from './shell.ts'

/** A node takes 15,000 connections; the database, carriers, calls and files need theirs. */
const DESCRIPTORS = 20_000

/** Whether a server could listen where it is told to. */
export async function examinePort({ host, port }: Config): Promise<Finding> {
  const what = 'port'
  const probe = createServer()
  try {
    await new Promise<void>((resolve, reject) => probe.once('error', reject).listen({ host, port }, resolve))
    await new Promise((resolve) => probe.close(resolve))
    return { what, state: 'ok', detail: port === 0 ? 'any that is free' : `${port} is free` }
  } catch (error) {
    const advice = 'the server does not start before this'
    return { what, state: 'problem', detail: explain(nameSetting(error as Error, { host, port })), advice }
  }
}

/** Of a process, or of what is started where `doctor` is. Undefined where the machine does not tell. */
export async function examineDescriptors(pid?: number): Promise<Finding | undefined> {
  const limits = await readFile(`/proc/${pid ?? 'self'}/limits`, 'utf8').catch(() => '')
  const limit = /^Max open files +(\d+|unlimited)/m.exec(limits)?.[1]
  if (limit === undefined) return undefined
  const what = 'open files'
  const detail = `${limit} at once`
  if (limit === 'unlimited' || Number(limit) >= DESCRIPTORS) return { what, state: 'ok', detail }
  const advice = `each connection is one: allow ${DESCRIPTORS} (ulimit -n, LimitNOFILE of systemd)`
  return { what, state: 'warning', detail, advice }
}
