import { authTokenSealedAs } from '../accounts/accounts/account.ts'
import type { Context } from '../context.ts'
import { messageSealedAs } from '../inbox/inbox.ts'
import { INDEX_KEY } from '../storage/installation.ts'
import type { SealedColumn } from '../storage/reseal.ts'
import { codeSealedAs } from '../verify/verifications/code.ts'

/**
 * Every column that a vault has sealed something in: what is missing here is lost when its key is retired. Without a
 * context for who only looks.
 */
export function sealedColumns({ known }: Partial<Pick<Context, 'known'>> = {}): readonly SealedColumn[] {
  const ofAccount = {
    table: 'account',
    key: 'sid',
    context: ({ sid = '' }) => authTokenSealedAs(sid),
    revised: (sid: string) => known?.forgetAccount(sid),
  } as const
  const ofRecipient = { key: 'sid', placed: true, of: ['account_sid'] } as const
  return [
    { table: 'installation', column: 'index_key', key: 'id', context: () => INDEX_KEY },
    { ...ofAccount, column: 'auth_token' },
    { ...ofAccount, column: 'secondary_auth_token' },
    {
      ...ofRecipient,
      table: 'verification',
      column: 'code',
      context: ({ account_sid = '', sid = '' }) => codeSealedAs(account_sid, sid),
    },
    {
      ...ofRecipient,
      table: 'inbox_message',
      column: 'content',
      context: ({ account_sid = '', sid = '' }) => messageSealedAs(account_sid, sid),
    },
  ]
}
