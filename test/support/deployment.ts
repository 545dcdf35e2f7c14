import { make, makeBuild, makeService, makeVersion, type UploadInput } from './functions.ts'
import type { Form, TestServer } from './server.ts'

export interface Deployment {
  /** Of its domain: `service-1-1234`. */
  label: string
  /** Path of the service, and of the environment, in the API. */
  service: string
  environment: string
}

type Files = readonly (UploadInput & { kind?: 'Functions' | 'Assets' })[]

/** Deploys functions and assets, without dependencies, to a new environment of a new service. */
export async function deploy(server: TestServer, files: Files, form: Form = {}): Promise<Deployment> {
  const service = await makeService(server, form)
  const { sid, domain_name } = await make(server, `${service}/Environments`, { UniqueName: 'production' })
  const environment = `${service}/Environments/${sid}`
  await redeploy(server, { service, environment }, files)
  return { label: domain_name.split('.')[0], service, environment }
}

/** Puts other files in the place of what runs in an environment. */
export async function redeploy(
  server: TestServer,
  { service, environment }: Pick<Deployment, 'service' | 'environment'>,
  files: Files,
): Promise<void> {
  const versions: { FunctionVersions: string[]; AssetVersions: string[] } = {
    FunctionVersions: [],
    AssetVersions: [],
  }
  for (const { kind = 'Functions', ...file } of files) {
    const { sid } = await makeVersion(server, service, kind, file)
    versions[kind === 'Functions' ? 'FunctionVersions' : 'AssetVersions'].push(sid)
  }
  const BuildSid = await makeBuild(server, service, versions)
  // Else it would have to install them.
  await server.ctx.storage.system.write(
    (tx) => tx.run`update fn_build set dependencies = ${'[]'} where sid = ${BuildSid}`,
  )
  await make(server, `${environment}/Deployments`, { BuildSid })
}
