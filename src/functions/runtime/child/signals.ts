type Kill = (pid: number, signal?: string | number) => unknown

/** Node's own, undocumented ways to the same. */
const WAYS = ['kill', '_kill', '_debugProcess'] as const

/**
 * Refuses signals to other processes, which Node's permissions leave open. A seat belt for where there is no wall, as
 * those are: it stops what is written by mistake.
 */
export function restrainSignals(): void {
  const ways = process as unknown as Record<(typeof WAYS)[number], Kill>
  for (const way of WAYS) {
    const send = ways[way]
    ways[way] = function (this: unknown, pid, signal) {
      if (pid === process.pid) return send.call(this, pid, signal)
      throw Object.assign(new Error('A Function may send signals to itself only'), { code: 'EPERM' })
    }
  }
}
