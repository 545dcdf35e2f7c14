import { AUTHORIZATION, type Target } from './target.ts'

export interface Deployed {
  /** `demo-1234-dev.localhost:8080`. */
  host: string
  /** Has the next request find no child. */
  renew(): Promise<void>
}

type Form = Record<string, string> | URLSearchParams | FormData

/** What of answers is looked at. */
type Answer = Record<'sid' | 'domain_name' | 'status' | 'reason', string>

let names = 0

/** Deploys functions, by path, through the API, with these variables and the account's credentials. */
export async function deploy(
  { url }: Target,
  sources: Record<string, string>,
  variables: Record<string, string> = {},
): Promise<Deployed> {
  const name = `bench-${names++}`
  const service = await make(`${url}/v1/Services`, {
    UniqueName: name,
    FriendlyName: name,
    IncludeCredentials: 'true',
  })
  const at = `${url}/v1/Services/${service.sid}`
  const environment = await make(`${at}/Environments`, { UniqueName: 'dev', DomainSuffix: 'dev' })
  const place = `${at}/Environments/${environment.sid}`
  for (const [Key, Value] of Object.entries(variables)) await make(`${place}/Variables`, { Key, Value })
  const turn = await make(`${place}/Variables`, { Key: 'TURN', Value: '0' })
  const versions = await Promise.all(Object.entries(sources).map((source) => upload(at, ...source)))
  const build = await make(
    `${at}/Builds`,
    new URLSearchParams(versions.map((sid) => ['FunctionVersions', sid])),
  )
  await completed(`${at}/Builds/${build.sid}`)
  await make(`${place}/Deployments`, { BuildSid: build.sid })
  let turns = 0
  return {
    host: environment.domain_name,
    async renew() {
      await make(`${place}/Variables/${turn.sid}`, { Value: String(++turns) })
    },
  }
}

/** Resolves to the version. */
async function upload(service: string, path: string, source: string): Promise<string> {
  const { sid } = await make(`${service}/Functions`, { FriendlyName: path })
  const form = new FormData()
  form.set('Path', path)
  form.set('Visibility', 'public')
  form.set('Content', new Blob([source], { type: 'application/javascript' }), 'function.js')
  return (await make(`${service}/Functions/${sid}/Versions`, form)).sid
}

async function completed(build: string): Promise<void> {
  for (;;) {
    const { status, reason } = await ask(build)
    if (status === 'completed') return
    if (status === 'failed') throw new Error(`the build has failed: ${reason}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

const make = (url: string, form: Form) =>
  ask(url, {
    method: 'POST',
    body: form instanceof FormData ? form : new URLSearchParams(form),
  })

async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const reply = await fetch(url, { ...init, headers: { authorization: AUTHORIZATION } })
  const text = await reply.text()
  if (!reply.ok) throw new Error(`${url} answered ${reply.status}: ${text}`)
  return JSON.parse(text)
}
