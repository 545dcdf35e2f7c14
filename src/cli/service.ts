import type { RunningServer } from '../intercept/environment.ts'
import { connectOrStart } from './connect.ts'
import { readConfig, type Shell } from './shell.ts'

interface Service {
  sid: string
  friendly_name: string
}

/** Prints a line a Verify service: its sid and its name. */
export function listServices(shell: Shell): Promise<number> {
  return withServer(shell, async (server) => {
    let next: string | null = '/v2/Services?PageSize=1000'
    while (next !== null) {
      const page: { services: Service[]; meta: { next_page_url: string | null } } = await call(server, next)
      for (const { sid, friendly_name } of page.services) shell.out(`${sid}  ${friendly_name}`)
      next = page.meta.next_page_url
    }
  })
}

/** Makes a Verify service and prints its sid. */
export function createService(shell: Shell, friendlyName: string): Promise<number> {
  return withServer(shell, async (server) => {
    const service: Service = await call(server, '/v2/Services', { FriendlyName: friendlyName })
    shell.out(service.sid)
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
