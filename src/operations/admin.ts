import {
  clearAccess,
  createAccount,
  createApiKey,
  deleteApiKey,
  endTrial,
  listAccounts,
  listApiKeys,
  rotateToken,
  setAccountStatus,
  showToken,
  updateApiKey,
} from '../accounts/administer.ts'
import { exportEvents, showHead, verify } from '../accounts/audit/administer.ts'
import { createFirstService, listFirstServices } from '../verify/services/administer.ts'
import { backUp, noteRestore } from './backup.ts'
import { readFirstCredentials } from './credentials.ts'
import { examine } from './doctor.ts'
import { activateMasterKey, retireMasterKey, showMasterKeys } from './master-key.ts'
import { operate } from './operate.ts'

/**
 * What the command line may have done: by the server that runs, or on the database that no server has open. Input and
 * result are JSON, and the result's names are those that `--json` prints. Throws `Refusal`, or what the API would.
 */
export const adminCommands = {
  credentials: readFirstCredentials,
  'account-list': listAccounts,
  'account-create': createAccount,
  'account-status': setAccountStatus,
  'account-upgrade': endTrial,
  'account-access-clear': clearAccess,
  'token-show': showToken,
  'token-rotate': rotateToken,
  'api-key-list': listApiKeys,
  'api-key-create': createApiKey,
  'api-key-update': updateApiKey,
  'api-key-delete': deleteApiKey,
  'service-list': listFirstServices,
  'service-create': createFirstService,
  'master-key-status': showMasterKeys,
  'master-key-activate': activateMasterKey,
  'master-key-retire': retireMasterKey,
  backup: backUp,
  'backup-restored': noteRestore,
  doctor: examine,
  'audit-head': showHead,
  'audit-verify': verify,
  'audit-export': exportEvents,
  operate,
} as const

export type AdminName = keyof typeof adminCommands
export type AdminInput<N extends AdminName> = Parameters<(typeof adminCommands)[N]>[1]
export type AdminResult<N extends AdminName> = Awaited<ReturnType<(typeof adminCommands)[N]>>
