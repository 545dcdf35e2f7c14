import { env } from 'node:process'
import type { InvokeHead, StartHead } from '../protocol.ts'
import { requireTwilio, type TwilioClient } from './twilio.ts'

/** What a handler gets as its first argument. */
export type HandlerContext = Record<string, unknown> & { getTwilioClient(options?: object): TwilioClient }

type Caller = Pick<InvokeHead, 'path' | 'domainName' | 'accountSid' | 'authToken'>
type Place = Pick<StartHead, 'serviceSid' | 'environmentSid' | 'variables'>

const NO_CREDENTIALS =
  'context.getTwilioClient() needs ACCOUNT_SID and AUTH_TOKEN: have the service include its credentials'

/** Variables win over what comes before them; nothing wins over the client. */
export function makeContext(
  place: Place,
  { path, domainName, accountSid, authToken }: Caller,
): HandlerContext {
  const context: Record<string, unknown> = {
    PATH: path,
    DOMAIN_NAME: domainName,
    SERVICE_SID: place.serviceSid,
    ENVIRONMENT_SID: place.environmentSid,
    ...(authToken !== undefined && { ACCOUNT_SID: accountSid, AUTH_TOKEN: authToken }),
    ...place.variables,
  }
  const getTwilioClient = (options: object = {}) => {
    const { ACCOUNT_SID, AUTH_TOKEN } = context
    if (!`${ACCOUNT_SID}`.startsWith('AC') || !AUTH_TOKEN) throw new Error(NO_CREDENTIALS)
    return requireTwilio()(ACCOUNT_SID, AUTH_TOKEN, { lazyLoading: true, ...options })
  }
  return { ...context, getTwilioClient }
}

/** Published functions read them there too. Here it is written: nothing of the server's own comes in. */
export function publishVariables(variables: Readonly<Record<string, string | undefined>>): void {
  for (const [key, value] of Object.entries(variables)) {
    if (value !== undefined && env[key] !== value) env[key] = value
  }
}

/** Leaves only what the process itself needs: where it may write. */
export function clearEnvironment(): void {
  for (const key of Object.keys(env)) if (!KEPT.has(key)) delete env[key]
}

const KEPT = new Set(['TMPDIR', 'HOME'])
