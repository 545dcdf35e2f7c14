import type { RunningServer } from '../intercept/environment.ts'
import { connectOrStart } from './connect.ts'
import { type PrintOptions, print } from './print.ts'
import { readConfig, type Shell } from './shell.ts'

interface Service {
  sid: string
  friendly_name: string
}

/** Prints a line a Verify service: its sid and its name. */
export function listServices(shell: Shell, options: PrintOptions): Promise<number> {
  return withServer(shell, async (server) => {
    const all: Service[] = []
    let next: string | null = '/v2/Services?PageSize=1000'
    while (next !== null) {
      const page: { services: Service[]; meta: { next_page_url: string | null } } = await call(server, next)
      all.push(...page.services.map(({ sid, friendly_name }) => ({ sid, friendly_name })))
      next = page.meta.next_page_url
    }
    print(shell, options, all, (list) => list.map(({ sid, friendly_name }) => `${sid}  ${friendly_name}`))
  })
}

/** Makes a Verify service and prints its sid. */
export function createService(shell: Shell, options: PrintOptions, friendlyName: string): Promise<number> {
  return withServer(shell, async (server) => {
    const service: Service = await call(server, '/v2/Services', { FriendlyName: friendlyName })
    print(shell, options, { sid: service.sid, friendly_name: service.friendly_name }, ({ sid }) => [sid])
  })
}

async function withServer(shell: Shell, work: (server: RunningServer) => Promise<void>): Promise<number> {
  const server = await connectOrStart(await readConfig(shell))
  try {
    await work(server)
    return 0
  } finally {
    await server.close()
  }
}

/** Asks the server's own API; an error of the API becomes one of ours. */
async function call<T>(server: RunningServer, path: string, form?: Record<string, string>): Promise<T> {
  const { pathname, search } = new URL(path, server.url)
  const reply = await fetch(new URL(pathname + search, server.url), {
    method: form ? 'POST' : 'GET',
    headers: { authorization: `Basic ${btoa(`${server.accountSid}:${server.authToken}`)}` },
    ...(form && { body: new URLSearchParams(form) }),
  })
  if (reply.ok) return (await reply.json()) as T
  const { code, message } = (await reply.json()) as { code: number; message: string }
  throw new Error(`the server answered ${reply.status}, error ${code}: ${message}`)
}
