import assert from 'node:assert/strict'
import { test } from 'node:test'
import { engines } from '../../test/support/engines.ts'
import { groupWrites } from './records.ts'

for (const engine of engines) {
  test(`on ${engine.name} records that come together are all kept, but for one that fails`, async () => {
    const storage = await engine.open()
    await storage.write((tx) => tx.run`create table item (id bigint primary key)`)
    const write = groupWrites(storage)
    const put = (id: number) => write((tx) => tx.run`insert into item (id) values (${id})`)
    const settled = await Promise.allSettled([...Array(200).keys(), 7].map(put))
    const failed = settled.filter(({ status }) => status === 'rejected')
    assert.equal(failed.length, 1)
    const row = await storage.read.get<{ n: number }>`select count(*) as n from item`
    assert.equal(row?.n, 200)
    await storage.close()
  })
}
