import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { refuseNative } from './native.ts'

describe('native add-ons', () => {
  const folders: string[] = []
  after(() => {
    for (const folder of folders) rmSync(folder, { recursive: true })
  })

  /** Looks at a folder with these files, and what the lock says of the packages. */
  async function examine(files: readonly string[], packages: Record<string, object>) {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-native-'))
    folders.push(folder)
    for (const file of files) {
      const path = join(folder, 'node_modules', file)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, '')
    }
    const named = Object.entries(packages).map(([name, entry]) => [`node_modules/${name}`, entry])
    await refuseNative(folder, JSON.stringify({ packages: { '': {}, ...Object.fromEntries(named) } }))
    return (file: string) => existsSync(join(folder, 'node_modules', file))
  }

  test('a package that is compiled is refused, with the pure one to take instead', async () => {
    await assert.rejects(examine(['bcrypt/binding.gyp'], { bcrypt: { hasInstallScript: true } }), {
      name: 'BuildFailure',
      message: 'bcrypt needs a native add-on, which Functions cannot load: use bcryptjs instead',
    })
  })

  test('so is one that brings what was compiled before, wherever it lies', async () => {
    const files = ['a/node_modules/@x/y/prebuilds/linux-x64/z.node', 'a/index.js']
    await assert.rejects(
      examine(files, { a: {}, 'a/node_modules/@x/y': {} }),
      /^BuildFailure: @x\/y needs a native add-on/,
    )
  })

  test('one that nothing needs is taken away', async () => {
    const has = await examine(['fast/fast.node', 'pure/index.js'], { fast: { optional: true }, pure: {} })
    assert.deepEqual([has('fast'), has('pure/index.js')], [false, true])
  })

  test('those that fetch their add-on by other packages are known by name', async () => {
    await assert.rejects(examine(['sharp/index.js'], { sharp: {} }), /use jimp instead/)
  })

  test('a script at installation alone harms nobody: it is not run', async () => {
    const has = await examine(['core-js/index.js'], { 'core-js': { hasInstallScript: true } })
    assert.ok(has('core-js/index.js'))
  })

  test('what a package fetches past the registry is refused', async () => {
    for (const entry of [{ resolved: 'git+ssh://git@host/x.git#1' }, { link: true, resolved: '../x' }])
      await assert.rejects(examine([], { x: entry }), /^BuildFailure: x does not come from the registry/)
  })
})
