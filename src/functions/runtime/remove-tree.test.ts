import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { removeTree } from './remove-tree.ts'

test('removes paths that are longer than the system takes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tree-'))
  const steps = Array(18).fill('x'.repeat(200)).join('/')
  for (const half of ['a', 'b']) mkdirSync(join(folder, half, steps), { recursive: true })
  renameSync(join(folder, 'b'), join(folder, 'a', steps, 'b'))
  await assert.rejects(rm(folder, { recursive: true }), { code: 'ENAMETOOLONG' })
  await removeTree(folder)
  assert.ok(!existsSync(folder))
})

test('removes folders that are closed to who removes them', { skip: process.platform === 'win32' }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tree-'))
  // Root is kept from nothing.
  const somebody = process.getuid?.() === 0 ? 65_534 : undefined
  if (somebody !== undefined) chownSync(folder, somebody, somebody)
  const code = `const fs = require('node:fs')
    fs.mkdirSync('tree/closed/inner', { recursive: true })
    fs.chmodSync('tree/closed', 0)
    require(${JSON.stringify(join(import.meta.dirname, 'remove-tree.ts'))}).removeTree('tree').then(() => console.log(fs.existsSync('tree')))`
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', code], {
    cwd: folder,
    ...(somebody !== undefined && { uid: somebody, gid: somebody }),
    encoding: 'utf8',
  })
  assert.equal(stdout, 'false\n', stderr)
  rmSync(folder, { recursive: true })
})

test('leaves alone what is not there', async () => {
  await removeTree(join(tmpdir(), 'there-is-no-such-tree'))
})
