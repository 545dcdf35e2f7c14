import assert from 'node:assert/strict'
import { basic, type Form, type Reply, type TestServer } from './server.ts'

export interface UploadInput {
  path: string
  content: string | Uint8Array
  visibility?: 'public' | 'protected' | 'private'
  /** None is sent where it is null. */
  contentType?: string | null
}

const BOUNDARY = '--------------------------350846170829382459017532'

/** A form as the official tools send it. */
export function encodeUpload({ path, content, visibility = 'public', contentType }: UploadInput): Buffer {
  const type = contentType === null ? '' : `\r\nContent-Type: ${contentType ?? 'application/javascript'}`
  return Buffer.concat([
    Buffer.from(
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="Path"\r\n\r\n${path}\r\n` +
        `--${BOUNDARY}\r\nContent-Disposition: form-data; name="Visibility"\r\n\r\n${visibility}\r\n` +
        `--${BOUNDARY}\r\nContent-Disposition: form-data; name="Content"; filename="${path.slice(1)}"${type}\r\n\r\n`,
    ),
    Buffer.from(content),
    Buffer.from(`\r\n--${BOUNDARY}--\r\n`),
  ])
}

/** Asks for a new version of a function or an asset; `resource` is the path of that. */
export async function askUpload(
  server: TestServer,
  resource: string,
  input: UploadInput | Buffer,
  { authorization = basic(server.accountSid, server.authToken), host = 'localhost:8080' } = {},
): Promise<Reply> {
  const { statusCode, body, headers } = await server.app.inject({
    method: 'POST',
    url: `${resource}/Versions`,
    headers: { authorization, host, 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
    payload: Buffer.isBuffer(input) ? input : encodeUpload(input),
  })
  return { status: statusCode, body: body === '' ? undefined : JSON.parse(body), headers }
}

/** What has to be there: fails otherwise. Resolves to the body. */
export async function make(server: TestServer, path: string, form: Form): Promise<Reply['body']> {
  const { status, body } = await server.post(path, form)
  assert.equal(status, 201, `${path}: ${JSON.stringify(body)}`)
  return body
}

let services = 0

/** Resolves to its path. */
export async function makeService(server: TestServer, form: Form = {}): Promise<string> {
  const UniqueName = `service-${services++}`
  const { sid } = await make(server, '/v1/Services', { UniqueName, FriendlyName: UniqueName, ...form })
  return `/v1/Services/${sid}`
}

/** Resolves to the version of a new function or asset. */
export async function makeVersion(
  server: TestServer,
  service: string,
  list: 'Functions' | 'Assets',
  input: UploadInput,
): Promise<Reply['body']> {
  const { sid } = await make(server, `${service}/${list}`, { FriendlyName: input.path })
  const { status, body } = await askUpload(server, `${service}/${list}/${sid}`, input)
  assert.equal(status, 201, JSON.stringify(body))
  return body
}

/** Builds stay due from now on, until `settleBuild`: to make them takes npm, and the packages of the world. */
export function leaveBuildsDue({ ctx }: TestServer): void {
  ctx.functions.builds.wake = () => {}
}

/** A build as its queue leaves it. */
export const settleBuild = (
  { ctx }: TestServer,
  sid: string,
  status = 'completed',
  reason: string | null = null,
) =>
  ctx.storage.system.write(
    (tx) =>
      tx.run`update fn_build set status = ${status}, reason = ${reason}, due_at = ${null} where sid = ${sid}`,
  )

/** Resolves to the sid of a build that is completed, made of one function at `/hello` unless other versions are given. */
export async function makeBuild(server: TestServer, service: string, form?: Form): Promise<string> {
  const made = form ?? {
    FunctionVersions: (await makeVersion(server, service, 'Functions', { path: '/hello', content: HELLO }))
      .sid,
  }
  const { sid } = await make(server, `${service}/Builds`, made)
  await settleBuild(server, sid)
  return sid
}

export const HELLO = "exports.handler = (context, event, callback) => callback(null, 'Hello')\n"

/** One of everything that Functions have. */
export interface FunctionsEstate {
  service: string
  environment: string
  variable: string
  function: string
  functionVersion: string
  asset: string
  assetVersion: string
  build: string
  deployment: string
  log: string
}

/** Furnishes the server's own account; `marks` is what nobody else may read. */
export async function buildFunctions(server: TestServer): Promise<FunctionsEstate & { marks: string[] }> {
  leaveBuildsDue(server)
  const path = await makeService(server, { UniqueName: 'clockwork', FriendlyName: 'Clockwork' })
  const wheel = { path: '/wheel', content: '// Mainspring' }
  const called = await makeVersion(server, path, 'Functions', wheel)
  const asset = await makeVersion(server, path, 'Assets', { path: '/dial.txt', content: 'Twelve' })
  const versions = { FunctionVersions: called.sid, AssetVersions: asset.sid }
  const build = await makeBuild(server, path, versions)
  const environment = await make(server, `${path}/Environments`, {
    UniqueName: 'Belfry',
    DomainSuffix: 'belfry',
  })
  const at = `${path}/Environments/${environment.sid}`
  const variable = await make(server, `${at}/Variables`, { Key: 'CHIME', Value: 'Westminster' })
  const deployment = await make(server, `${at}/Deployments`, { BuildSid: build })
  const { deployed, logs } = server.ctx.functions
  const running = await deployed.find(environment.domain_name.split('.')[0])
  assert.ok(running)
  const said = { functionSid: called.function_sid, requestSid: `RQ${'0'.repeat(32)}`, message: 'Cuckoo' }
  logs.add({ deployed: running, level: 'info', ...said })
  await logs.flush()
  const log = (await server.get(`${at}/Logs`)).body.logs[0]
  const sids = {
    service: path.slice(-34),
    environment: environment.sid,
    variable: variable.sid,
    function: called.function_sid,
    functionVersion: called.sid,
    asset: asset.asset_sid,
    assetVersion: asset.sid,
    build,
    deployment: deployment.sid,
    log: log.sid,
  }
  const words = [
    'Clockwork',
    'clockwork',
    '/wheel',
    'Mainspring',
    '/dial.txt',
    'Belfry',
    'CHIME',
    'Westminster',
    'Cuckoo',
  ]
  return { ...sids, marks: [...Object.values(sids), ...words] }
}
