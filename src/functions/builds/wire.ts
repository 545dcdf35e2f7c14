import type { Static } from 'typebox'
import { isoSeconds, oneOf, optional, pageQuery, sid } from '../../http/schema.ts'
import { Type } from '../../http/type.ts'
import type { Urls } from '../../http/urls.ts'
import { common, serviceUrl } from '../services/wire.ts'
import type { Version } from '../versions/version.ts'
import { BuiltVersionWire, toBuiltVersionWire } from '../versions/wire.ts'
import { type Build, RUNTIMES } from './build.ts'

const versions = optional(Type.Array(sid('ZN')))
const status = oneOf(['building', 'completed', 'failed'])

export const CreateBody = Type.Object({
  AssetVersions: versions,
  FunctionVersions: versions,
  Dependencies: optional(Type.String()),
  Runtime: optional(oneOf(RUNTIMES)),
})
export const ListQuery = Type.Object(pageQuery)

export const BuildWire = Type.Object({
  sid: sid('ZB'),
  account_sid: sid('AC'),
  service_sid: sid('ZS'),
  status,
  asset_versions: Type.Array(BuiltVersionWire.asset),
  function_versions: Type.Array(BuiltVersionWire.function),
  dependencies: Type.Array(Type.Object({ name: Type.String(), version: Type.String() })),
  runtime: Type.String(),
  // Of one that failed, and ours: the real API does not tell.
  reason: optional(Type.String()),
  ...common,
  links: Type.Object({ build_status: Type.String() }),
})

export const BuildStatusWire = Type.Object({
  sid: sid('ZB'),
  account_sid: sid('AC'),
  service_sid: sid('ZS'),
  status,
  url: Type.String(),
})

const urlOf = ({ serviceSid, sid }: Build, urls: Urls) => `${serviceUrl(urls, serviceSid)}/Builds/${sid}`

export function toBuildWire(b: Build, versions: readonly Version[], urls: Urls): Static<typeof BuildWire> {
  const url = urlOf(b, urls)
  const shown = (kind: Version['kind']) => versions.filter((v) => v.kind === kind).map(toBuiltVersionWire)
  return {
    sid: b.sid,
    account_sid: b.accountSid,
    service_sid: b.serviceSid,
    status: b.status,
    asset_versions: shown('asset') as Static<typeof BuiltVersionWire.asset>[],
    function_versions: shown('function') as Static<typeof BuiltVersionWire.function>[],
    dependencies: b.dependencies,
    runtime: b.runtime,
    ...(b.reason !== null && { reason: b.reason }),
    date_created: isoSeconds(b.createdAtMs),
    date_updated: isoSeconds(b.updatedAtMs),
    url,
    links: { build_status: `${url}/Status` },
  }
}

export const toBuildStatusWire = (b: Build, urls: Urls): Static<typeof BuildStatusWire> => ({
  sid: b.sid,
  account_sid: b.accountSid,
  service_sid: b.serviceSid,
  status: b.status,
  url: `${urlOf(b, urls)}/Status`,
})
