import { parse } from 'fast-querystring'
import type { TObject, TSchema } from 'typebox'
import { fail } from './errors.ts'

const MAX_PARAMETERS = 100

export type Form = Record<string, string | string[]>

/** Decodes a form body or a query string: repeated keys become arrays. Throws 20001 for too many parameters. */
export function parseForm(text: string, maxParameters = MAX_PARAMETERS): Form {
  let parameters = 1
  for (let at = text.indexOf('&'); at >= 0; at = text.indexOf('&', at + 1)) {
    if (++parameters > maxParameters) throw fail.invalidRequest('Too many parameters')
  }
  return parse(text) as Form
}

type Take = (value: string | string[]) => unknown

/** Picks the parameters that a schema knows out of a form; the rest is ignored, as the real API does. */
export function picker(schema: TObject): (form: Form) => Record<string, unknown> {
  const takes = Object.entries(schema.properties).map(
    ([name, property]) => [name, take(name, property)] as const,
  )
  return (form) => {
    const picked: Record<string, unknown> = {}
    for (const [name, takeValue] of takes) {
      const value = form[name]
      if (value === undefined) continue
      const taken = takeValue(value)
      if (taken !== undefined) picked[name] = taken
    }
    return picked
  }
}

function take(name: string, schema: TSchema): Take {
  const { type, json } = schema as { type?: string; json?: boolean }
  if (type === 'array' && !json) return (value) => (Array.isArray(value) ? value : [value])
  // A scalar given twice: the last one counts.
  const last = (value: string | string[]) => (Array.isArray(value) ? (value.at(-1) ?? '') : value)
  if (json) {
    return (value) => {
      const text = last(value)
      if (text === '') return undefined
      try {
        return JSON.parse(text)
      } catch {
        throw fail.invalidParameter(name)
      }
    }
  }
  if (type === 'boolean') return (value) => last(value).toLowerCase() || undefined
  // An empty number or choice is one that was not given; an empty text may be meant.
  if (type !== 'string' || 'enum' in schema) return (value) => last(value) || undefined
  return last
}
