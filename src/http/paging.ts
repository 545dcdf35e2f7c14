import type { TSchema } from 'typebox'
import type { Cursor, PageRequest } from '../storage/keyset.ts'
import { sidCreatedAtMs } from '../storage/sid.ts'
import { fail } from './errors.ts'
import { nullable } from './schema.ts'
import { Type } from './type.ts'

const DEFAULT_PAGE_SIZE = 50
const MAX_PAGE_SIZE = 1000

export interface PageQuery {
  PageSize?: number
  Page?: number
  PageToken?: string
}

export interface Page<T> {
  items: T[]
  meta: {
    page: number
    page_size: number
    first_page_url: string
    previous_page_url: string | null
    next_page_url: string | null
    url: string
    key: string
  }
}

export const PageMeta = Type.Object({
  page: Type.Integer(),
  page_size: Type.Integer(),
  first_page_url: Type.String(),
  previous_page_url: nullable(Type.String()),
  next_page_url: nullable(Type.String()),
  url: Type.String(),
  key: Type.String(),
})

/** The envelope of a list: `{ <key>: [...], meta }`. */
export const listOf = <K extends string, T extends TSchema>(key: K, item: T) =>
  Type.Object({ [key]: Type.Array(item), meta: PageMeta } as {
    [P in K]: ReturnType<typeof Type.Array<T>>
  } & {
    meta: typeof PageMeta
  })

function parseToken(token: string): Cursor {
  const match = /^P([AB])([A-Z]{2}[0-9a-f]{32})$/.exec(token)
  if (!match?.[1] || !match[2]) throw fail.invalidRequest('Invalid PageToken')
  return {
    direction: match[1] === 'A' ? 'after' : 'before',
    createdAtMs: sidCreatedAtMs(match[2]),
    sid: match[2],
  }
}

/** The place in the order just before (-1) or after (1) a sid. */
const neighbour = (sid: string, by: bigint) =>
  sid.slice(0, 2) +
  BigInt.asUintN(128, BigInt(`0x${sid.slice(2)}`) + by)
    .toString(16)
    .padStart(32, '0')

/**
 * One page of a list that is newest first, by keyset: rows that come and go never shift a page.
 * `list.url` is the absolute address of the list; `filters` stay in the addresses of its pages; where its items are
 * large, a page has at most `maxSize`, whatever is asked for.
 */
export async function readPage<T extends { sid: string }>(
  query: PageQuery,
  list: { url: string; key: string; filters?: Record<string, string | undefined>; maxSize?: number },
  read: (request: PageRequest) => Promise<T[]>,
): Promise<Page<T>> {
  const asked = query.PageSize ?? DEFAULT_PAGE_SIZE
  if (asked > MAX_PAGE_SIZE) throw fail.pageSizeTooLarge()
  const size = Math.min(asked, list.maxSize ?? MAX_PAGE_SIZE)
  const number = query.Page ?? 0
  const cursor = query.PageToken ? parseToken(query.PageToken) : undefined
  // One row more than fits tells whether there is a further page that way.
  const rows = await read({ cursor, limit: size + 1 })
  const more = rows.length > size
  const backward = cursor?.direction === 'before'
  const items = backward ? rows.slice(0, size).reverse() : rows.slice(0, size)
  const hasNext = backward || more
  const hasPrevious = backward ? more : cursor !== undefined

  const address = (page: number, token?: string) => {
    const search = new URLSearchParams()
    for (const [name, value] of Object.entries(list.filters ?? {}))
      if (value !== undefined) search.set(name, value)
    search.set('PageSize', String(size))
    search.set('Page', String(page))
    if (token) search.set('PageToken', token)
    return `${list.url}?${search}`
  }
  // A page that was emptied meanwhile leads back, to the row that it was asked for from as well.
  const backFrom = items[0]?.sid ?? (cursor && neighbour(cursor.sid, -1n))
  const onFrom = items.at(-1)?.sid ?? (cursor && neighbour(cursor.sid, 1n))
  return {
    items,
    meta: {
      page: number,
      page_size: size,
      first_page_url: address(0),
      previous_page_url: hasPrevious && backFrom ? address(Math.max(0, number - 1), `PB${backFrom}`) : null,
      next_page_url: hasNext && onFrom ? address(number + 1, `PA${onFrom}`) : null,
      url: address(number, query.PageToken),
      key: list.key,
    },
  }
}

/** One page, as `readPage` reads it, in the envelope of `listOf`. */
export async function readList<K extends string, T extends { sid: string }, W>(
  query: PageQuery,
  list: { url: string; key: K; filters?: Record<string, string | undefined>; maxSize?: number },
  read: (request: PageRequest) => Promise<T[]>,
  toWire: (item: T) => W,
): Promise<{ [P in K]: W[] } & Pick<Page<T>, 'meta'>> {
  const { items, meta } = await readPage(query, list, read)
  return { [list.key]: items.map(toWire), meta } as { [P in K]: W[] } & Pick<Page<T>, 'meta'>
}
