import type { Static } from 'typebox'
import { dateOrTime, isoSeconds, nullable, optional, pageQuery, sid } from '../../http/schema.ts'
import { Type } from '../../http/type.ts'
import { type Urls, urlsOfProduct } from '../../http/urls.ts'
import type { Alert } from './alert.ts'

export const AlertQuery = Type.Object({
  LogLevel: optional(Type.String()),
  StartDate: optional(dateOrTime),
  EndDate: optional(dateOrTime),
  ...pageQuery,
})

const text = nullable(Type.String())

const listed = {
  sid: sid('NO'),
  account_sid: sid('AC'),
  alert_text: text,
  api_version: text,
  date_created: Type.String(),
  date_generated: Type.String(),
  date_updated: Type.String(),
  error_code: text,
  log_level: text,
  more_info: text,
  request_method: text,
  request_url: text,
  resource_sid: text,
  service_sid: text,
  url: Type.String(),
}

export const AlertWire = Type.Object(listed)
export const AlertDetailsWire = Type.Object({
  ...listed,
  request_variables: text,
  request_headers: text,
  response_body: text,
  response_headers: text,
})

export function toAlertWire(a: Alert, urls: Urls): Static<typeof AlertWire> {
  const date = isoSeconds(a.createdAtMs)
  return {
    sid: a.sid,
    account_sid: a.accountSid,
    alert_text: a.text,
    api_version: null,
    date_created: date,
    date_generated: date,
    date_updated: date,
    error_code: a.errorCode,
    log_level: a.logLevel,
    more_info: `https://www.twilio.com/docs/errors/${a.errorCode}`,
    request_method: a.requestMethod,
    // A path of our own API: whoever reads it may reach it by another name than whoever asked.
    request_url: a.requestUrl?.startsWith('/')
      ? urlsOfProduct(urls, 'verify').base + a.requestUrl
      : a.requestUrl,
    resource_sid: a.resourceSid,
    service_sid: a.serviceSid,
    url: `${urls.base}/v1/Alerts/${a.sid}`,
  }
}

/** What was sent and answered is not kept: it may hold codes and recipients. */
export const toAlertDetailsWire = (alert: Alert, urls: Urls): Static<typeof AlertDetailsWire> => ({
  ...toAlertWire(alert, urls),
  request_variables: null,
  request_headers: null,
  response_body: null,
  response_headers: null,
})
