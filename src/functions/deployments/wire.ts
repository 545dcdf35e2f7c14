import type { Static } from 'typebox'
import { isoSeconds, nullable, optional, pageQuery, sid } from '../../http/schema.ts'
import { Type } from '../../http/type.ts'
import type { Urls } from '../../http/urls.ts'
import { environmentUrl } from '../environments/wire.ts'
import { common } from '../services/wire.ts'
import type { Deployment } from './deployment.ts'

export const CreateBody = Type.Object({
  BuildSid: optional(Type.String({ pattern: '^(ZB[0-9a-fA-F]{32})?$' })),
  // Of no meaning here: there are no plugins.
  IsPlugin: optional(Type.Boolean()),
})
export const ListQuery = Type.Object(pageQuery)

export const DeploymentWire = Type.Object({
  sid: sid('ZD'),
  account_sid: sid('AC'),
  service_sid: sid('ZS'),
  environment_sid: sid('ZE'),
  build_sid: nullable(sid('ZB')),
  ...common,
})

export const toDeploymentWire = (d: Deployment, urls: Urls): Static<typeof DeploymentWire> => ({
  sid: d.sid,
  account_sid: d.accountSid,
  service_sid: d.serviceSid,
  environment_sid: d.environmentSid,
  build_sid: d.buildSid,
  date_created: isoSeconds(d.createdAtMs),
  date_updated: isoSeconds(d.createdAtMs),
  url: `${environmentUrl(urls, d.serviceSid, d.environmentSid)}/Deployments/${d.sid}`,
})
