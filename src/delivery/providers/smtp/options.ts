import { createPrivateKey } from 'node:crypto'
import { type Static, Type } from 'typebox'
import { parseAddress } from '../../channels/address.ts'
import { isCertificate, NOT_PEM, type OptionFault } from '../option-fault.ts'

/** The settings of one SMTP account, as they stand in the configuration file. */
export const SmtpOptions = Type.Object(
  {
    host: Type.String({ minLength: 1, description: 'Name or address of the mail server.' }),
    port: Type.Integer({ default: 587, minimum: 1, maximum: 65535 }),
    tls: Type.Enum(['starttls', 'implicit', 'none'], {
      default: 'starttls',
      description:
        '`starttls`: required before anything else is said. `implicit`: from the first byte, as on port 465. `none`: never; for a relay on the same machine. The certificate is always verified.',
    }),
    tls_ca: Type.Optional(
      Type.String({ description: 'PEM certificates to trust instead of the public authorities.' }),
    ),
    tls_server_name: Type.Optional(
      Type.String({ description: 'Name the certificate must carry, if not `host`.' }),
    ),
    auth: Type.Optional(
      Type.Object(
        {
          user: Type.String({ minLength: 1 }),
          password: Type.String({ minLength: 1, writeOnly: true }),
        },
        { additionalProperties: false, description: 'Log-in; none without it.' },
      ),
    ),
    from: Type.String({
      minLength: 3,
      maxLength: 254,
      description: 'Address of the sender. Its domain is also that of the Message-IDs.',
    }),
    from_name: Type.Optional(Type.String({ maxLength: 64, description: 'Name shown beside the address.' })),
    reply_to: Type.Optional(Type.String({ minLength: 3, maxLength: 254 })),
    dkim: Type.Optional(
      Type.Object(
        {
          domain: Type.String({ minLength: 1 }),
          selector: Type.String({ minLength: 1 }),
          key: Type.String({ minLength: 1, writeOnly: true, description: 'Private key, PEM.' }),
        },
        { additionalProperties: false, description: 'Signs here; leave it out if the mail server signs.' },
      ),
    ),
    max_connections: Type.Integer({ default: 5, minimum: 1, maximum: 100 }),
    max_messages: Type.Integer({
      default: 100,
      minimum: 1,
      maximum: 100_000,
      description: 'Messages on one connection, before another takes its place.',
    }),
    rate_per_s: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 10_000,
        description: 'Messages a second over all connections; no limit without it.',
      }),
    ),
    connection_timeout_ms: Type.Integer({ default: 5_000, minimum: 100, maximum: 10_000 }),
    greeting_timeout_ms: Type.Integer({ default: 5_000, minimum: 100, maximum: 10_000 }),
    socket_timeout_ms: Type.Integer({
      default: 9_000,
      minimum: 100,
      maximum: 9_000,
      description: 'Silence of the server after which a connection is given up.',
    }),
  },
  { additionalProperties: false },
)
export type SmtpOptions = Static<typeof SmtpOptions>

/** What is wrong with options that the schema accepts. */
export function findFault({ from, reply_to, tls_ca, dkim }: SmtpOptions): OptionFault | undefined {
  const fault = 'is not one e-mail address, like verify@example.net'
  if (!parseAddress(from)) return { option: 'from', fault }
  if (reply_to !== undefined && !parseAddress(reply_to)) return { option: 'reply_to', fault }
  if (tls_ca !== undefined && !isCertificate(tls_ca)) return { option: 'tls_ca', fault: NOT_PEM }
  if (dkim && !isPrivateKey(dkim.key))
    return { option: 'dkim.key', fault: 'is not a private key in PEM, without a passphrase' }
  return undefined
}

function isPrivateKey(pem: string): boolean {
  try {
    return createPrivateKey(pem).type === 'private'
  } catch {
    return false
  }
}
