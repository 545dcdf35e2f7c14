import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Cursor, keyset } from '../storage/keyset.ts'
import { sidCreatedAtMs } from '../storage/sid.ts'
import { ApiError } from './errors.ts'
import { type Page, type PageQuery, readPage } from './paging.ts'

interface Row {
  sid: string
}

const URL_OF_LIST = 'https://verify.example.com/v2/Things'
const START_MS = Date.parse('2026-11-20T12:00:00Z')

/** Sids of two a millisecond, so that both parts of the order count. */
const makeRow = (n: number): Row => ({
  sid: `VA000${(START_MS + Math.floor(n / 2)).toString(16).padStart(11, '0')}${n.toString(16).padStart(18, '0')}`,
})

/** A list in memory, read as `keyset` has a table read. */
const readOf = (rows: readonly Row[]) => (request: { cursor: Cursor | undefined; limit: number }) => {
  const { cursor, limit } = request
  const newestFirst = rows.toSorted((a, b) => (a.sid < b.sid ? 1 : -1))
  if (!cursor) return Promise.resolve(newestFirst.slice(0, limit))
  assert.equal(cursor.createdAtMs, sidCreatedAtMs(cursor.sid))
  return Promise.resolve(
    cursor.direction === 'after'
      ? newestFirst.filter(({ sid }) => sid < cursor.sid).slice(0, limit)
      : newestFirst
          .toReversed()
          .filter(({ sid }) => sid > cursor.sid)
          .slice(0, limit),
  )
}

const page = (rows: readonly Row[], query: PageQuery, filters = {}) =>
  readPage(query, { url: URL_OF_LIST, key: 'things', filters }, readOf(rows))

/** What a client does: the address it was given, and nothing else. */
function follow(rows: readonly Row[], address: string): Promise<Page<Row>> {
  const { PageSize, Page, PageToken } = Object.fromEntries(new URL(address).searchParams)
  return page(rows, { PageSize: Number(PageSize), Page: Number(Page), ...(PageToken && { PageToken }) })
}

describe('paging', () => {
  test('a list that fits has one page', async () => {
    for (const count of [0, 1, 50]) {
      const rows = Array.from({ length: count }, (_, n) => makeRow(n))
      const { items, meta } = await page(rows, {})
      assert.equal(items.length, count)
      assert.deepEqual(meta, {
        page: 0,
        page_size: 50,
        first_page_url: `${URL_OF_LIST}?PageSize=50&Page=0`,
        previous_page_url: null,
        next_page_url: null,
        url: `${URL_OF_LIST}?PageSize=50&Page=0`,
        key: 'things',
      })
    }
  })

  test('filters stay in all addresses', async () => {
    const rows = [makeRow(1), makeRow(2), makeRow(3)]
    const filters = { 'ChannelData.To': '+14155552671', Status: undefined }
    const { items, meta } = await page(
      rows,
      { PageSize: 1, Page: 1, PageToken: `PA${makeRow(3).sid}` },
      filters,
    )
    assert.deepEqual(items, [makeRow(2)])
    for (const address of [meta.url, meta.first_page_url, meta.next_page_url, meta.previous_page_url]) {
      const search = new URL(address ?? '').searchParams
      assert.equal(search.get('ChannelData.To'), '+14155552671')
      assert.equal(search.has('Status'), false)
    }
  })

  test('a page of more than 1,000 is refused', async () => {
    assert.equal((await page([makeRow(1)], { PageSize: 1000 })).items.length, 1)
    await assert.rejects(page([], { PageSize: 1001 }), new ApiError(20007, 400, 'Page size too large'))
  })

  test('a token that is none is refused', async () => {
    const { sid } = makeRow(1)
    for (const token of ['x', 'PA', sid, `PC${sid}`, `PA${sid}0`, `PA${sid.toUpperCase()}`, `PA ${sid}`]) {
      await assert.rejects(
        page([], { PageToken: token }),
        new ApiError(20001, 400, 'Invalid PageToken'),
        token,
      )
    }
  })

  test('an empty page past the end leads back to all there is', async () => {
    const rows = [makeRow(1), makeRow(2), makeRow(3)]
    const past = await page(rows, { PageSize: 2, Page: 2, PageToken: `PA${makeRow(1).sid}` })
    assert.deepEqual([past.items, past.meta.next_page_url], [[], null])
    const back = await follow(rows, past.meta.previous_page_url ?? '')
    assert.deepEqual(back.items, [makeRow(2), makeRow(1)])
  })

  test('an empty page before the first row leads on to all there is', async () => {
    const rows = [makeRow(1), makeRow(2), makeRow(3)]
    const before = await page(rows, { PageSize: 2, PageToken: `PB${makeRow(3).sid}` })
    assert.deepEqual([before.items, before.meta.previous_page_url], [[], null])
    const on = await follow(rows, before.meta.next_page_url ?? '')
    assert.deepEqual(on.items, [makeRow(3), makeRow(2)])
  })

  test('walking down and up again: what stays is seen once each way, in order, whatever comes and goes', async () => {
    // A small generator of its own: a failure names a seed that repeats it.
    for (let seed = 1; seed <= 200; seed++) {
      let state = seed
      const chance = (max: number) => {
        state = (state * 48_271) % 2_147_483_647
        return state % max
      }
      // Even numbers stay; odd ones come and go.
      const stays = Array.from({ length: chance(40) }, (_, n) => makeRow(n * 2))
      let others: Row[] = []
      const change = () => {
        others = others.filter(() => chance(3) > 0)
        for (let n = chance(4); n > 0; n--) others.push(makeRow(chance(50) * 2 + 1))
        others = [...new Map(others.map((row) => [row.sid, row])).values()]
        return [...stays, ...others]
      }
      const PageSize = 1 + chance(7)
      const down: Row[] = []
      let at = await page(change(), { PageSize })
      for (;;) {
        down.push(...at.items)
        if (!at.meta.next_page_url) break
        at = await follow(change(), at.meta.next_page_url)
      }
      const up: Row[] = [...at.items].reverse()
      while (at.meta.previous_page_url) {
        const number = at.meta.page
        at = await follow(change(), at.meta.previous_page_url)
        assert.equal(at.meta.page, Math.max(0, number - 1))
        up.push(...at.items.toReversed())
      }
      const lasting = new Set(stays.map(({ sid }) => sid))
      const seen = (rows: Row[]) => rows.map(({ sid }) => sid).filter((sid) => lasting.has(sid))
      const expected = stays.map(({ sid }) => sid).sort()
      assert.deepEqual(seen(down), expected.toReversed(), `down, seed ${seed}`)
      assert.deepEqual(seen(up), expected, `up, seed ${seed}`)
    }
  })

  test('the condition and the order that a page is read by', () => {
    const cursor = { createdAtMs: START_MS, sid: makeRow(0).sid }
    const text = (part: { strings: readonly string[] } | undefined) => part?.strings.join('?')
    const read = (direction?: Cursor['direction']) => {
      const { edge, order } = keyset({ cursor: direction && { ...cursor, direction }, limit: 1 })
      return [text(edge), text(order)]
    }
    assert.deepEqual(read(), [undefined, 'order by created_at desc, sid desc'])
    assert.deepEqual(read('after'), ['(created_at, sid) < (?, ?)', 'order by created_at desc, sid desc'])
    assert.deepEqual(read('before'), ['(created_at, sid) > (?, ?)', 'order by created_at, sid'])
  })
})
