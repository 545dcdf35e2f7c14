/** What there is to be allowed: of each resource, its actions. A test holds it against the operations. */
const ACTIONS = {
  '/countersign/accounts/caller-id-confirmations': ['create'],
  '/countersign/accounts/ip-access-lists': ['create', 'read', 'list', 'update', 'delete'],
  '/countersign/inbox/messages': ['create', 'list'],
  '/twilio/api/accounts': ['create', 'read', 'list', 'update'],
  '/twilio/api/incoming-phone-numbers': ['create', 'read', 'list', 'update', 'delete'],
  '/twilio/api/outgoing-caller-ids': ['create', 'read', 'list', 'update', 'delete'],
  '/twilio/iam/api-keys': ['create', 'read', 'list', 'update', 'delete'],
  '/twilio/iam/auth-tokens': ['create', 'update', 'delete'],
  '/twilio/messaging/messages': ['create', 'read', 'list', 'update', 'delete'],
  '/twilio/monitor/alerts': ['read', 'list'],
  '/twilio/monitor/events': ['read', 'list'],
  '/twilio/serverless/asset-versions': ['create', 'read', 'list'],
  '/twilio/serverless/assets': ['create', 'read', 'list', 'update', 'delete'],
  '/twilio/serverless/builds': ['create', 'read', 'list', 'delete'],
  '/twilio/serverless/deployments': ['create', 'read', 'list'],
  '/twilio/serverless/environments': ['create', 'read', 'list', 'delete'],
  '/twilio/serverless/function-version-contents': ['read'],
  '/twilio/serverless/function-versions': ['create', 'read', 'list'],
  '/twilio/serverless/functions': ['create', 'read', 'list', 'update', 'delete'],
  '/twilio/serverless/logs': ['read', 'list'],
  '/twilio/serverless/services': ['create', 'read', 'list', 'update', 'delete'],
  '/twilio/serverless/variables': ['create', 'read', 'list', 'update', 'delete'],
  '/twilio/usage/records': ['list'],
  '/twilio/usage/triggers': ['create', 'read', 'list', 'update', 'delete'],
  '/twilio/verify/attempts': ['read', 'list'],
  '/twilio/verify/attempts-summary': ['read'],
  '/twilio/verify/services': ['create', 'read', 'list', 'update', 'delete'],
  '/twilio/verify/verification-checks': ['create'],
  '/twilio/verify/verifications': ['create', 'read', 'update'],
} as const

/** `/twilio/verify/verifications/create` and so on: every one that a policy may name. */
export const PERMISSIONS: ReadonlySet<string> = new Set(
  Object.entries(ACTIONS).flatMap(([resource, actions]) => actions.map((action) => `${resource}/${action}`)),
)
