import type { Read, Tx } from './storage.ts'

/** How far a background job has come in a part of its work; undefined before its first step. */
export async function readProgress(read: Read, job: string, part: string): Promise<string | undefined> {
  const row = await read.get<{
    reached: string
  }>`select reached from progress where job = ${job} and part = ${part}`
  return row?.reached
}

export const writeProgress = (tx: Tx, job: string, part: string, reached: string) =>
  tx.run`insert into progress (job, part, reached) values (${job}, ${part}, ${reached})
    on conflict (job, part) do update set reached = excluded.reached`

/** False where another node has moved it on since it was read. */
export async function moveProgress(
  tx: Tx,
  job: string,
  part: string,
  from: string | undefined,
  reached: string,
): Promise<boolean> {
  const moved = await tx.run`insert into progress (job, part, reached) values (${job}, ${part}, ${reached})
    on conflict (job, part) do update set reached = excluded.reached where progress.reached = ${from ?? ''}`
  return moved === 1
}

/** The job begins anew. */
export const clearProgress = (tx: Tx, job: string) => tx.run`delete from progress where job = ${job}`
