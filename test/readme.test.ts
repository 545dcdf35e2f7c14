import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { glob, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { loadConfig } from '../src/config.ts'
import { startServer } from '../src/server.ts'
import { needs } from './sdk/exec/needs.ts'

const ROOT = join(import.meta.dirname, '..')
const read = (path: string) => readFile(join(ROOT, path), 'utf8')
const readme = await read('README.md')
const pages = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md']
for await (const path of glob('docs/**/*.md', { cwd: ROOT })) pages.push(path)

for (const path of ['examples/node/verify.mjs', 'examples/python/verify.py', 'examples/curl/verify.sh']) {
  test(`the README shows ${path} as it is`, async () => {
    const blocks = [...readme.matchAll(/^```\w+\n([\s\S]*?)^```$/gm)].map(([, code]) => code)
    assert.ok(blocks.includes(await read(path)))
  })
}

test('the first code of the README runs as written', needs('sh', 'curl', 'tail', 'cut'), async () => {
  const [, lines = ''] = /## A first code\n[\s\S]*?```sh\n([\s\S]*?)```/.exec(readme) ?? []
  assert.equal(lines.trimEnd().split('\n').length, 5)
  const dataDir = await mkdtemp(join(tmpdir(), 'countersign-readme-'))
  const env = { PORT: '0', COUNTERSIGN_DATA_DIR: dataDir }
  const server = await startServer(await loadConfig(env, dataDir, (path) => readFile(path, 'utf8')), silent)
  try {
    const { stdout } = await promisify(execFile)(
      'sh',
      ['-euc', lines.replaceAll('http://127.0.0.1:8080', server.url)],
      { cwd: ROOT, env: { ...process.env, DATABASE_URL: '', ...env } },
    )
    const [started, inbox, checked] = stdout.split(/(?<=\})(?=\{)/).map((text) => JSON.parse(text))
    assert.equal(started.status, 'pending')
    assert.match(inbox.messages[0].body, /^Your Countersign verification code is: \d{6}$/)
    assert.equal(checked.valid, inbox.messages[0].code === '123456')
  } finally {
    await server.close()
    await rm(dataDir, { recursive: true })
  }
})

const silent = { info() {}, warn() {}, error() {} }

/** As GitHub makes them of headings. */
const anchorsOf = (page: string) =>
  [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )

test('every link between the documents leads somewhere', async () => {
  const broken: string[] = []
  for (const page of pages) {
    for (const [, target = ''] of (await read(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? page : relative(ROOT, join(ROOT, dirname(page), path))
      const leads =
        existsSync(join(ROOT, file)) && (anchor === undefined || anchorsOf(await read(file)).includes(anchor))
      if (!leads) broken.push(`${page}: ${target}`)
    }
  }
  assert.deepEqual(broken, [])
})

test('every runtime dependency is explained, and no other', async () => {
  const { dependencies } = JSON.parse(await read('package.json'))
  const explained = [...(await read('docs/dependencies.md')).matchAll(/^\| `([^`]+)` \|/gm)].map(
    ([, name]) => name,
  )
  assert.deepEqual(explained.sort(), Object.keys(dependencies).sort())
})
