import type { StartedServer } from '../server.ts'

/** What a person needs to make the first request. The auth token is in it at the very first start only. */
export function makeBanner(server: StartedServer): string {
  const { publicUrl, accountSid, authToken, serviceSid, isNew, madeKey } = server
  const token = isNew ? authToken : '(countersign token show)'
  const lines = [
    '',
    `  Countersign        ${publicUrl}`,
    `  Account SID        ${accountSid}`,
    `  Auth Token         ${token}`,
    `  Verify Service SID ${serviceSid}`,
    '',
  ]
  if (madeKey)
    lines.push('  A master key was made in the data directory: back it up; every other node needs it.', '')
  if (serviceSid !== '') {
    lines.push(
      '  Send a code (it shows in the inbox, below, unless a carrier is configured):',
      '',
      `  curl -X POST ${publicUrl}/v2/Services/${serviceSid}/Verifications -u ${accountSid}:${
        isNew ? authToken : '<Auth Token>'
      } --data-urlencode To=+14155552671 -d Channel=sms`,
      '',
      `  curl '${publicUrl}/inbox/messages?To=%2B14155552671' -u ${accountSid}:${isNew ? authToken : '<Auth Token>'}`,
      '',
    )
  }
  return lines.join('\n')
}
