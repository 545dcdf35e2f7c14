import { type Static, Type } from 'typebox'

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
      default: 10_000,
      minimum: 100,
      maximum: 10_000,
      description: 'Silence of the server after which a connection is given up.',
    }),
  },
  { additionalProperties: false },
)
export type SmtpOptions = Static<typeof SmtpOptions>
