const { readFileSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')

exports.handler = (_context, { line = '' }, callback) => {
  const pad = join(tmpdir(), 'pad.txt')
  writeFileSync(pad, `${line}\n`, { flag: 'a' })
  callback(null, readFileSync(pad, 'utf8'))
}
