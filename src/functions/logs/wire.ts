import type { Static } from 'typebox'
import { dateOrTime, isoSeconds, nullable, optional, pageQuery, sid } from '../../http/schema.ts'
import { Type } from '../../http/type.ts'
import type { Urls } from '../../http/urls.ts'
import { environmentUrl } from '../environments/wire.ts'
import type { LogLine } from './log.ts'

export const ListQuery = Type.Object({
  FunctionSid: optional(sid('ZH')),
  StartDate: optional(dateOrTime),
  EndDate: optional(dateOrTime),
  ...pageQuery,
})

export const LogWire = Type.Object({
  sid: sid('NO'),
  account_sid: sid('AC'),
  service_sid: sid('ZS'),
  environment_sid: sid('ZE'),
  build_sid: nullable(sid('ZB')),
  deployment_sid: nullable(sid('ZD')),
  function_sid: nullable(sid('ZH')),
  request_sid: sid('RQ'),
  level: Type.String(),
  message: Type.String(),
  date_created: Type.String(),
  url: Type.String(),
})

export const toLogWire = (l: LogLine, urls: Urls): Static<typeof LogWire> => ({
  sid: l.sid,
  account_sid: l.accountSid,
  service_sid: l.serviceSid,
  environment_sid: l.environmentSid,
  build_sid: l.buildSid,
  deployment_sid: l.deploymentSid,
  function_sid: l.functionSid,
  request_sid: l.requestSid,
  level: l.level,
  message: l.message,
  date_created: isoSeconds(l.createdAtMs),
  url: `${environmentUrl(urls, l.serviceSid, l.environmentSid)}/Logs/${l.sid}`,
})
