import { type Static, Type } from 'typebox'
import { isCertificate, NOT_PEM, type OptionFault } from '../option-fault.ts'

/** The settings of one SMPP carrier account, as they stand in the configuration file. */
export const SmppOptions = Type.Object(
  {
    host: Type.String({ minLength: 1, description: 'Name or address of the SMSC.' }),
    port: Type.Integer({ default: 2775, minimum: 1, maximum: 65535 }),
    tls: Type.Boolean({ default: false, description: 'Use TLS; the certificate is always verified.' }),
    tls_ca: Type.Optional(
      Type.String({ description: 'PEM certificates to trust instead of the public authorities.' }),
    ),
    tls_server_name: Type.Optional(
      Type.String({ description: 'Name the certificate must carry, if not `host`.' }),
    ),
    system_id: Type.String({
      maxLength: 15,
      pattern: '^[!-~]+$',
      expects: '1 to 15 ASCII characters without spaces',
    }),
    password: Type.String({
      maxLength: 64,
      pattern: '^[!-~]*$',
      expects: 'at most 64 ASCII characters without spaces',
      writeOnly: true,
    }),
    allow_long_password: Type.Boolean({
      default: false,
      description: 'Send more than the 8 characters the standard allows.',
    }),
    system_type: Type.String({
      default: '',
      maxLength: 12,
      pattern: '^[!-~]*$',
      expects: 'at most 12 ASCII characters without spaces',
    }),
    bind: Type.Enum(['transceiver', 'split'], {
      default: 'transceiver',
      description: '`split`: one connection sends, another receives the receipts.',
    }),
    sessions: Type.Integer({
      default: 1,
      minimum: 1,
      maximum: 16,
      description: 'Connections side by side (pairs of them with `split`).',
    }),
    source: Type.Object(
      {
        addr: Type.String({
          pattern: '^(\\+?[0-9]{3,15}|[ -_a-~]{1,11})$',
          expects: 'a number of 3 to 15 digits, with or without +, or 1 to 11 ASCII characters',
          description:
            'Sender: E.164 with `+`, a short code, or up to 11 letters. Says its TON and NPI by itself.',
        }),
        ton: Type.Optional(Type.Integer({ minimum: 0, maximum: 6 })),
        npi: Type.Optional(Type.Integer({ minimum: 0, maximum: 18 })),
      },
      { additionalProperties: false },
    ),
    dest: Type.Object(
      {
        ton: Type.Integer({ default: 1, minimum: 0, maximum: 6 }),
        npi: Type.Integer({ default: 1, minimum: 0, maximum: 18 }),
      },
      { default: {}, additionalProperties: false },
    ),
    window: Type.Integer({
      default: 10,
      minimum: 1,
      maximum: 1000,
      description: 'Messages without an answer, per connection.',
    }),
    throughput_per_s: Type.Number({
      default: 100,
      minimum: 0.1,
      maximum: 100_000,
      description: 'Messages a second over all connections; parts of a long message count one by one.',
    }),
    request_timeout_ms: Type.Integer({
      default: 9_000,
      minimum: 100,
      maximum: 9_000,
      description: 'Below the 10 s that the queue gives a provider.',
    }),
    enquire_link_ms: Type.Integer({ default: 30_000, minimum: 1_000, maximum: 600_000 }),
    default_alphabet: Type.Enum(['gsm', 'latin1', 'ascii'], {
      default: 'gsm',
      description: 'What the SMSC takes data_coding 0 for. What does not fit goes as UCS-2.',
    }),
    long: Type.Enum(['udh', 'sar', 'payload', 'refuse'], {
      default: 'udh',
      description: 'How a text longer than one message goes out.',
    }),
    message_id_type: Type.Enum(['same', 'resp_hex_receipt_dec', 'resp_dec_receipt_hex'], {
      default: 'same',
      description: 'How message ids are written in answers and in receipts.',
    }),
    validity_s: Type.Integer({
      default: 600,
      minimum: 10,
      maximum: 604_800,
      description: 'The SMSC gives up after this, or when the code expires if that is sooner.',
    }),
    registered_delivery: Type.Enum([0, 1], { default: 1, description: '1 asks for delivery receipts.' }),
    vendor_status: Type.Record(
      Type.String({ pattern: '^0x0*4[0-9a-fA-F]{2}$' }),
      Type.Enum(['busy', 'bad_number', 'blocked', 'content', 'config', 'funds']),
      {
        default: {},
        additionalProperties: false,
        description: 'What a carrier means by its own codes 0x400 to 0x4FF; others count as `blocked`.',
      },
    ),
  },
  { additionalProperties: false },
)
export type SmppOptions = Static<typeof SmppOptions>

/** What is wrong with options that the schema accepts. */
export function findFault({ password, allow_long_password, tls_ca }: SmppOptions): OptionFault | undefined {
  if (password.length > 8 && !allow_long_password) {
    const advice = 'set allow_long_password: true if your carrier takes it'
    return { option: 'password', fault: `is longer than the 8 characters that SMPP allows: ${advice}` }
  }
  if (tls_ca !== undefined && !isCertificate(tls_ca)) return { option: 'tls_ca', fault: NOT_PEM }
  return undefined
}
