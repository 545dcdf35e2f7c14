import type { TSchema } from 'typebox'
import type { PageRequest } from '../storage/keyset.ts'
import { type Page, type PageQuery, readPage } from './paging.ts'
import { nullable } from './schema.ts'
import { Type } from './type.ts'

/** The envelope of a list of the 2010-04-01 API: no `meta`, relative addresses. */
export const list2010 = <K extends string, T extends TSchema>(key: K, item: T) =>
  Type.Object({
    [key]: Type.Array(item),
    page: Type.Integer(),
    page_size: Type.Integer(),
    start: Type.Integer(),
    end: Type.Integer(),
    uri: Type.String(),
    first_page_uri: Type.String(),
    next_page_uri: nullable(Type.String()),
    previous_page_uri: nullable(Type.String()),
  } as { [P in K]: ReturnType<typeof Type.Array<T>> } & Record<string, TSchema>)

/** One page, as `readPage` reads it, in that envelope. */
export async function readPage2010<T extends { sid: string }, W>(
  query: PageQuery,
  list: { path: string; key: string; filters?: Record<string, string | undefined> },
  read: (request: PageRequest) => Promise<T[]>,
  toWire: (item: T) => W,
) {
  const { items, meta }: Page<T> = await readPage(query, { ...list, url: list.path }, read)
  const start = meta.page * meta.page_size
  return {
    [list.key]: items.map(toWire),
    page: meta.page,
    page_size: meta.page_size,
    start,
    end: start + Math.max(0, items.length - 1),
    uri: meta.url,
    first_page_uri: meta.first_page_url,
    next_page_uri: meta.next_page_url,
    previous_page_uri: meta.previous_page_url,
  }
}

/** Milliseconds since 1970 → `Thu, 30 Jul 2015 20:00:00 +0000`, as the 2010-04-01 API writes times. */
export const rfc2822 = (ms: number) => new Date(ms).toUTCString().replace('GMT', '+0000')
