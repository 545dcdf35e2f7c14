// The server, but for its deliveries: a create ends with the commit of its queued message.
import { readFile } from 'node:fs/promises'
import { ensureFirstAccount } from '../src/accounts/accounts/account.ts'
import { buildApp } from '../src/app.ts'
import { loadConfig } from '../src/config.ts'
import { closeContext, openContext } from '../src/context.ts'
import { makeLog } from '../src/server.ts'

const config = await loadConfig(process.env, process.cwd(), (path) => readFile(path, 'utf8'))
const ctx = await openContext(config, makeLog(config))
ctx.delivery.send = () => {}
await ensureFirstAccount(ctx)
const app = buildApp(ctx, { controlSecret: ctx.random.bytes(32).toString('hex') })
console.log(await app.listen({ host: config.host, port: config.port }))
process.once('SIGTERM', async () => {
  await app.close()
  await closeContext(ctx)
})
