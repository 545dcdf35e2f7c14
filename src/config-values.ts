import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { parseNetwork } from './addresses.ts'
import { Secret } from './secret.ts'

/** A configuration that must not start. One line: the key, its value unless secret, and what would be right. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

/** How a setting's text becomes its value. */
export interface Kind<T> {
  /** Completes "must be …" in errors and documents. */
  expects: string
  /** The value, or undefined where the text is not acceptable. `cwd` is what relative paths start from. */
  parse(text: string, cwd: string): T | undefined
}

export function integer(min: number, max: number): Kind<number> {
  return {
    expects: `a whole number from ${min} to ${max}`,
    parse: (text) => {
      const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
      return number >= min && number <= max ? number : undefined
    },
  }
}

export function choice<const T extends string>(...values: T[]): Kind<T> {
  return { expects: `one of ${values.join(', ')}`, parse: (text) => values.find((value) => value === text) }
}

export const boolean: Kind<boolean> = {
  expects: 'true or false',
  parse: (text) => (/^(true|1)$/.test(text) ? true : /^(false|0)$/.test(text) ? false : undefined),
}

/** A path to a file or folder, made absolute. */
export const path: Kind<string> = { expects: 'a path', parse: (text, cwd) => resolve(cwd, text) }

export const host: Kind<string> = {
  expects: 'an IP address or a host name',
  parse: (text) => (isIP(text) || /^[a-z\d]([a-z\d.-]*[a-z\d])?$/i.test(text) ? text : undefined),
}

/** Scheme, host and port, without a slash at the end. */
export const origin: Kind<string> = {
  expects: 'scheme and host only, like https://verify.example.com',
  parse: (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined
    return url && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/` ? url.origin : undefined
  },
}

/** `10.0.0.0/8`, `2001:db8::/32`, or one address. */
export const network: Kind<string> = {
  expects: 'an IP address, or a network like 10.0.0.0/8',
  parse: (text) => (parseNetwork(text) ? text : undefined),
}

/** A host name in lower case, with a port where one is given. */
export const domain: Kind<string> = {
  expects: 'a domain like functions.example.com, with a port where it has one',
  parse: (text) => (DOMAIN.test(text) ? text.toLowerCase() : undefined),
}

const DOMAIN = /^[a-z\d]([a-z\d.-]*[a-z\d])?(:\d{1,5})?$/i

/** A host name, all below one (`*.example.com`), an address or a network, in lower case. */
export const destination: Kind<string> = {
  expects: 'a host name, one like *.example.com, an IP address, or a network like 10.0.0.0/8',
  parse: (text) => (DESTINATION.test(text) || parseNetwork(text) ? text.toLowerCase() : undefined),
}

const DESTINATION = /^(\*\.)?[a-z\d]([a-z\d.-]*[a-z\d])?$/i

export function matching(pattern: RegExp, expects: string): Kind<string> {
  return { expects, parse: (text) => (pattern.test(text) ? text : undefined) }
}

export function secret(kind: Kind<string>): Kind<Secret> {
  return {
    expects: kind.expects,
    parse: (text, cwd) => {
      const value = kind.parse(text, cwd)
      return value === undefined ? undefined : new Secret(value)
    },
  }
}

/** Values between commas or white space, so a file may hold one a line. */
export function list<T>(kind: Kind<T>, expects: string): Kind<readonly T[]> {
  return {
    expects,
    parse: (text, cwd) => {
      const values = text.split(/[\s,]+/).filter(Boolean)
      const parsed = values.map((value) => kind.parse(value, cwd)).filter((value) => value !== undefined)
      return parsed.length === values.length ? parsed : undefined
    },
  }
}

/** 32 bytes in base64, as `openssl rand -base64 32` prints them. */
export const key32: Kind<string> = {
  expects: '32 bytes in base64',
  parse: (text) => {
    const bytes = Buffer.from(text, 'base64')
    return bytes.length === 32 && bytes.toString('base64') === text ? text : undefined
  },
}

/** A value as an error shows it: on one line, and not endless. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}

const FILE_FAULTS: Record<string, string> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not',
  EPERM: 'this user may not',
  EISDIR: 'it is a folder',
  EEXIST: 'it is not a folder',
  ENOTDIR: 'a part of the path is not a folder',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
}

/** Why the operating system refused a file, in words. */
export const explainFile = ({ code = '', message }: NodeJS.ErrnoException): string =>
  FILE_FAULTS[code] ?? (code || message)

/** What all variables of ours begin with, but for those that many programs share. */
export const PREFIX = 'COUNTERSIGN_'

/** ` (did you mean …?)` where one of `names`, prefix aside, is at most three changes away, else nothing. */
export function suggest(name: string, names: readonly string[]): string {
  const bare = (word: string) => word.replace(PREFIX, '').toLowerCase()
  const [best] = names
    .map((candidate) => ({ candidate, changes: distance(bare(name), bare(candidate)) }))
    // Of a short word three changes leave nothing.
    .filter(({ changes }) => changes <= Math.min(3, bare(name).length / 2))
    .sort((a, b) => a.changes - b.changes)
  return best ? ` (did you mean ${best.candidate}?)` : ''
}

/** Letters to insert, delete or replace to get from one word to the other. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (const [i, letter] of [...from].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...to].entries()) {
      next.push(
        Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)),
      )
    }
    row = next
  }
  return row.at(-1) ?? 0
}
