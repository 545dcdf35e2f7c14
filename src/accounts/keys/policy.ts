import { fail } from '../../http/errors.ts'
import { PERMISSIONS } from './permission.ts'

/** What a restricted key may do. */
export interface Policy {
  allow: string[]
}

const MAX_PERMISSIONS = 100
/** Of a permission that there is not, as an error tells it. */
const MAX_SHOWN = 100

/** Policies that fit a purpose, so that the least privilege is the least work. */
export const READY_POLICIES: Record<string, Policy> = {
  'verify-sender': {
    allow: ['/twilio/verify/verifications/create', '/twilio/verify/verification-checks/create'],
  },
  'verify-reader': {
    allow: [
      '/twilio/verify/services/read',
      '/twilio/verify/services/list',
      '/twilio/verify/verifications/read',
      '/twilio/verify/attempts/read',
      '/twilio/verify/attempts/list',
      '/twilio/verify/attempts-summary/read',
    ],
  },
  auditor: {
    allow: [
      '/twilio/monitor/events/read',
      '/twilio/monitor/events/list',
      '/twilio/monitor/alerts/read',
      '/twilio/monitor/alerts/list',
    ],
  },
}

/** Reads `{"allow": ["/twilio/<product>/<resource>/<action>", …]}`. Throws 60200, naming a permission that there is not. */
export function parsePolicy(given: unknown): Policy {
  const allow = (given as { allow?: unknown } | null | undefined)?.allow
  if (!Array.isArray(allow) || allow.length === 0 || allow.length > MAX_PERMISSIONS) throw invalid()
  for (const permission of allow) {
    if (typeof permission !== 'string') throw invalid()
    if (!PERMISSIONS.has(permission))
      throw fail.invalidParameter(`Policy: there is no permission ${permission.slice(0, MAX_SHOWN)}`)
  }
  return { allow: [...new Set(allow as string[])] }
}

const invalid = () => fail.invalidParameter('Policy')
