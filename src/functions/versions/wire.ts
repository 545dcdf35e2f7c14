import type { Static } from 'typebox'
import { isoSeconds, oneOf, pageQuery, sid } from '../../http/schema.ts'
import { Type } from '../../http/type.ts'
import type { Urls } from '../../http/urls.ts'
import type { ResourceKind } from '../resources/resource.ts'
import { resourceUrl } from '../resources/wire.ts'
import { type Version, VISIBILITIES } from './version.ts'

/** The fields of an upload beside its `Content`. */
export const UploadBody = Type.Object({ Path: Type.String(), Visibility: oneOf(VISIBILITIES) })
export const ListQuery = Type.Object(pageQuery)

const shown = {
  sid: sid('ZN'),
  account_sid: sid('AC'),
  service_sid: sid('ZS'),
  path: Type.String(),
  visibility: oneOf(VISIBILITIES),
  date_created: Type.String(),
}
const ofFunction = { function_sid: sid('ZH') }
const ofAsset = { asset_sid: sid('ZH') }

/** As a build shows what it is made of. */
export const BuiltVersionWire = {
  function: Type.Object({ ...shown, ...ofFunction }),
  asset: Type.Object({ ...shown, ...ofAsset }),
}

export const VersionWire = {
  function: Type.Object({
    ...shown,
    ...ofFunction,
    url: Type.String(),
    links: Type.Object({ function_version_content: Type.String() }),
  }),
  asset: Type.Object({ ...shown, ...ofAsset, url: Type.String() }),
}

export const ContentWire = Type.Object({
  sid: sid('ZN'),
  account_sid: sid('AC'),
  service_sid: sid('ZS'),
  ...ofFunction,
  content: Type.String(),
  url: Type.String(),
})

export const toBuiltVersionWire = (v: Version) => ({
  sid: v.sid,
  account_sid: v.accountSid,
  service_sid: v.serviceSid,
  [`${v.kind}_sid`]: v.resourceSid,
  path: v.path,
  visibility: v.visibility,
  date_created: isoSeconds(v.createdAtMs),
})

const urlOf = (v: Version, urls: Urls) =>
  `${resourceUrl(urls, v.serviceSid, v.kind, v.resourceSid)}/Versions/${v.sid}`

export function toVersionWire(v: Version, urls: Urls) {
  const url = urlOf(v, urls)
  return {
    ...toBuiltVersionWire(v),
    url,
    ...(v.kind === 'function' && { links: { function_version_content: `${url}/Content` } }),
  } as Static<(typeof VersionWire)[ResourceKind]>
}

export const toContentWire = (v: Version, content: string, urls: Urls): Static<typeof ContentWire> => ({
  sid: v.sid,
  account_sid: v.accountSid,
  service_sid: v.serviceSid,
  function_sid: v.resourceSid,
  content,
  url: `${urlOf(v, urls)}/Content`,
})
