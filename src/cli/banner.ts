import type { Config } from '../config.ts'
import { CHANNELS } from '../delivery/provider.ts'
import type { StartedServer } from '../server.ts'

/**
 * What a person needs to make the first request; `countersign` is how they call the command line here. An auth token
 * that was given is not in it, nor one that was shown before: banners end up in logs.
 */
export function makeBanner(server: StartedServer, countersign: string, channels: Config['channels']): string {
  const { publicUrl, accountSid, authToken, serviceSid, madeToken, madeKey, wall } = server
  const showToken = `${countersign} token show`
  const user = madeToken ? `${accountSid}:${authToken}` : '$TWILIO_ACCOUNT_SID:$TWILIO_AUTH_TOKEN'
  const lines = [
    '',
    `  Countersign        ${publicUrl}`,
    `  Account SID        ${accountSid}`,
    `  Auth Token         ${madeToken ? authToken : `(${showToken})`}`,
    `  Verify Service SID ${serviceSid}`,
    `  Functions          ${wall}`,
    '',
  ]
  if (madeKey)
    lines.push('  A master key was made in the data directory: back it up; every other node needs it.', '')
  const channel = CHANNELS.find((name) => channels[name].length > 0)
  if (!channel) {
    lines.push(
      '  No channel has a provider yet: every start of a verification is refused. Name one in countersign.yaml,',
      '  as docs/carriers.md tells; for a test system: channels: { sms: [inbox] }',
      '',
    )
  } else if (serviceSid !== '') {
    const isInbox = channels[channel][0] === 'inbox'
    const to = recipientOf(channel, isInbox)
    lines.push(
      isInbox ? '  Send a code, and read it in the inbox:' : '  Send a code to yourself:',
      '',
      ...(madeToken ? [] : [`  export $(${showToken})`]),
      `  curl -X POST ${publicUrl}/v2/Services/${serviceSid}/Verifications -u ${user} --data-urlencode To=${to} -d Channel=${channel}`,
      '',
      ...(isInbox
        ? [`  curl '${publicUrl}/inbox/messages?To=${encodeURIComponent(to)}' -u ${user}`, '']
        : []),
    )
  }
  return lines.join('\n')
}

/** A made-up one only where nobody gets the message. */
function recipientOf(channel: string, isInbox: boolean): string {
  if (channel === 'email') return isInbox ? 'jo@example.com' : 'YOUR_ADDRESS'
  return isInbox ? '+14155552671' : '+YOUR_NUMBER'
}
