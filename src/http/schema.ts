import type { Static, TSchema } from 'typebox'
import { Type } from './type.ts'

/** A sid of one kind: two letters and 32 hex digits. */
export const sid = (prefix: string) => Type.String({ pattern: `^${prefix}[0-9a-fA-F]{32}$` })

/** One of some words. Not a Union of Literals: Ajv then reports one error, not one per member. */
export const oneOf = <T extends string>(words: readonly T[]) =>
  Type.Unsafe<T>({ type: 'string', enum: [...words] })

/** Text without control characters and line breaks: it goes into messages, headers and on terminals. */
export const line = (maxLength: number) =>
  Type.String({ maxLength, pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$' })

/** What people call a thing. */
export const friendlyName = line(64)

/** One form value that holds JSON text; parsed before it is validated. */
export const jsonText = <T extends TSchema>(schema: T) =>
  Type.Unsafe<Static<T>>({ ...schema, json: true } as TSchema)

/** The format that `isRealDate` checks. */
export const REAL_DATE = 'real-date'

/** Whether there is such a day, and such a time of it: JavaScript takes 31 February for 3 March. */
export function isRealDate(text: string): boolean {
  const ms = Date.parse(text)
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text.slice(0, 10))
}

/** `yyyy-MM-dd'T'HH:mm:ss'Z'`, as the filters of lists take it. */
export const isoDate = Type.String({
  pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?Z$',
  format: REAL_DATE,
})

/** A day, `2026-11-20`, or a time as in `isoDate`. */
export const dateOrTime = Type.String({
  pattern: '^\\d{4}-\\d\\d-\\d\\d(T\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?Z)?$',
  format: REAL_DATE,
})

/** Of what `dateOrTime` takes, in ms since 1970: a day begins at midnight UTC. */
export const dateMs = (text: string | undefined) => (text === undefined ? undefined : Date.parse(text))

/** The last millisecond of the day that it names, or of the second: representations show no less. */
export const dateEndMs = (text: string | undefined) =>
  text === undefined ? undefined : Date.parse(text) + (text.includes('T') ? 999 : DAY_MS - 1)

const DAY_MS = 86_400_000

export const nullable = <T extends TSchema>(schema: T) =>
  Type.Unsafe<Static<T> | null>({ ...schema, nullable: true } as TSchema)

export const optional = Type.Optional

/** Query parameters of every list. The token is checked by `paging.ts`. */
export const pageQuery = {
  PageSize: optional(Type.Integer({ minimum: 1 })),
  Page: optional(Type.Integer({ minimum: 0 })),
  PageToken: optional(Type.String()),
}

/** Milliseconds since 1970 → `2015-07-30T20:00:00Z`. */
export const isoSeconds = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`
