import type { Duplex } from 'node:stream'
import type { Context } from '../context.ts'

/** Enough for the last words to arrive, and to find out that nobody takes them. */
const LINGER_MS = 5_000

/**
 * Says the last of a connection and ends it, also where the other side neither reads nor ends its half. Not at once: to
 * close upon what was not read yet would take back what was said.
 */
export function hangUp({ clock }: Pick<Context, 'clock'>, socket: Duplex, lastWords = ''): void {
  const cancel = clock.after(LINGER_MS, () => socket.destroy())
  socket.once('close', cancel)
  socket.end(lastWords)
}
