/** What one recipient's life cycle looks like to a client that knows every code but those drawn by the server. */
export interface State {
  nowMs: number
  sid?: string
  code?: string | undefined
  sends: number
  checks: number
  expiresAtMs: number
}

export type Operation =
  | { kind: 'start'; code?: string }
  | { kind: 'check'; code: string; sid?: string }
  | { kind: 'update'; status: 'approved' | 'canceled'; sid?: string }
  | { kind: 'fetch'; sid?: string }
  | { kind: 'advance'; ms: number }

/** As far as the model speaks of it: `says` is the status of the verification, or the error's code. */
export interface Answer {
  says: string | number
  sid?: string
  sends?: number
}

const TTL_MS = 600_000
const LIMIT = 5

export const free = (nowMs: number): State => ({ nowMs, sends: 0, checks: 0, expiresAtMs: 0 })

/** The state after an operation; undefined if in this state it must not be answered so. */
export function step(before: State, operation: Operation, { says, sid, sends }: Answer): State | undefined {
  if (operation.kind === 'advance') return { ...before, nowMs: before.nowMs + operation.ms }
  const live = before.sid !== undefined && before.nowMs < before.expiresAtMs
  const state = live ? before : free(before.nowMs)
  const closed = state.checks === LIMIT
  const allow = (isRight: boolean, next: State) => (isRight ? next : undefined)
  if (operation.kind === 'start') {
    if (closed) return allow(says === 60202, state)
    if (state.sends === LIMIT) return allow(says === 60203, state)
    const sent = { ...state, code: operation.code ?? state.code, sends: state.sends + 1 }
    const isRight = says === 'pending' && sends === sent.sends
    if (live || sid === undefined) return allow(isRight && sid === state.sid, sent)
    return allow(isRight && sid !== before.sid, { ...sent, sid, expiresAtMs: state.nowMs + TTL_MS })
  }
  if (!live || (operation.sid ?? state.sid) !== state.sid) return allow(says === 20404, state)
  const isSame = sid === state.sid
  if (operation.kind === 'fetch')
    return allow(
      isSame && says === (closed ? 'max_attempts_reached' : 'pending') && sends === state.sends,
      state,
    )
  if (operation.kind === 'update') {
    if (closed && operation.status === 'approved') return allow(says === 20404, state)
    return allow(isSame && says === operation.status, free(state.nowMs))
  }
  if (closed) return allow(says === 60202, state)
  if (operation.code === state.code) return allow(isSame && says === 'approved', free(state.nowMs))
  return allow(isSame && says === 'pending', { ...state, checks: state.checks + 1 })
}

export type Exchange = readonly [Operation, Answer]

/** All states that operations made at once can have left behind: none if no order of them explains their answers. */
export function explain(states: readonly State[], exchanges: readonly Exchange[]): readonly State[] {
  if (exchanges.length === 0 || states.length === 0) return states
  const after = exchanges.flatMap(([operation, answer], index) => {
    const next = states.map((state) => step(state, operation, answer)).filter((state) => state !== undefined)
    return explain(next, exchanges.toSpliced(index, 1))
  })
  return [...new Map(after.map((state) => [JSON.stringify(state), state])).values()]
}
