import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BuildFailure } from './failure.ts'
import { composePackage, RUNTIME_HANDLER } from './requirements.ts'

const compose = (name: string, version: string) => composePackage([{ name, version }])

describe('what npm is asked for', () => {
  test('names and ranges in order, so that equal sets are one text', () => {
    const one = { name: 'twilio', version: '^5.0.0' }
    const other = { name: '@scope/name', version: ' * ' }
    const text = composePackage([one, other])
    assert.equal(text, composePackage([other, one]))
    assert.deepEqual(JSON.parse(text ?? '').dependencies, { '@scope/name': '*', twilio: '^5.0.0' })
  })

  test('the runtime itself is not installed', () => {
    assert.equal(composePackage([]), undefined)
    assert.equal(compose(RUNTIME_HANDLER, '2.1.0'), undefined)
  })

  test('every way to write a range, and tags', () => {
    for (const version of [
      '1.2.3',
      'v1.2.3',
      '^1.2',
      '~1.2',
      '~> 1',
      '>=1 <2',
      '1 - 2',
      '^1 || ^2',
      '1.x',
      '*',
      'latest',
      '1.0.0-rc.1+b',
    ])
      assert.ok(compose('x', version), version)
  })

  test('nothing but what the registry has', () => {
    for (const version of [
      'git+https://host/x.git',
      'git@host:x/y',
      'user/repository',
      'https://host/x.tgz',
      'file:../x',
      './x',
      '../x',
      '..',
      '~/x',
      '~',
      'x.tgz',
      'npm:other@1',
      'workspace:*',
      '1\n2@x',
      '$(id)',
      '`id`',
      '',
    ])
      assert.throws(() => compose('x', version), BuildFailure, version)
  })

  test('names of packages only', () => {
    for (const name of ['JSONStream', 'lodash.get', '@a/b', 'a-b_c']) assert.ok(compose(name, '1'), name)
    for (const name of [
      '',
      '.x',
      '../x',
      'a/b',
      '@a',
      '@a/b/c',
      'a b',
      'a@1',
      '--x;',
      'node_modules',
      'x'.repeat(215),
    ])
      assert.throws(() => compose(name, '1'), BuildFailure, name)
  })
})
