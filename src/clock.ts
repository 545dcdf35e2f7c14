/** Time and chance as the program sees them; `context.ts` makes the real ones, tests make their own. */
export interface Clock {
  /** Milliseconds since 1970 UTC. */
  now(): number
  /** Runs `run` once, `ms` from now; the returned function cancels it. Never keeps the process alive. */
  after(ms: number, run: () => void): () => void
}

export interface Random {
  bytes(length: number): Buffer
  /** Uniform in 0 … max-1, without modulo bias. */
  int(max: number): number
}
