import { authTokenSealedAs } from '../accounts/accounts/account.ts'
import type { Context } from '../context.ts'
import { variableSealedAs } from '../functions/variables/variable.ts'
import { messageSealedAs } from '../inbox/inbox.ts'
import { partSealedAs } from '../messaging/inbound/receive.ts'
import { messageBodySealedAs } from '../messaging/messages/message.ts'
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
    {
      ...ofRecipient,
      table: 'message',
      column: 'body',
      context: ({ account_sid = '', sid = '' }) => messageBodySealedAs(account_sid, sid),
    },
    {
      table: 'message_part',
      column: 'content',
      key: 'sid',
      of: ['account_sid'],
      context: ({ account_sid = '', sid = '' }) => partSealedAs(account_sid, sid),
    },
    {
      table: 'fn_variable',
      column: 'value',
      key: 'sid',
      of: ['account_sid'],
      context: ({ account_sid = '', sid = '' }) => variableSealedAs(account_sid, sid),
    },
  ]
}
