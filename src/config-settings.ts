import {
  boolean,
  choice,
  destination,
  domain,
  host,
  integer,
  type Kind,
  key32,
  list,
  matching,
  network,
  origin,
  path,
  secret,
} from './config-values.ts'

export interface Setting<T = unknown> {
  /** In the file. */
  key: string
  /** In the environment. */
  env: string
  kind: Kind<T>
  /** As it would be written; without it the setting may be absent. */
  fallback?: string
  unit?: string
  /** Never shown, and may come from a file: `<env>_FILE`, `<key>_file`. */
  secret?: true
  about: string
}

const databaseUrl = matching(/^postgres(ql)?:\/\/\S+$/, 'postgres://user:password@host/database')
const accountSid = matching(/^AC[0-9a-f]{32}$/, 'AC and 32 hexadecimal digits')
const authToken = matching(/^[0-9a-f]{32}$/, '32 hexadecimal digits')

/** Every setting there is: one row here is its name, its default, its check and its line in the documents. */
export const SETTINGS = {
  host: {
    key: 'host',
    env: 'HOST',
    kind: host,
    fallback: '127.0.0.1',
    about: 'The address to listen on. Beyond loopback it needs TLS, see below.',
  },
  port: {
    key: 'port',
    env: 'PORT',
    kind: integer(0, 65_535),
    fallback: '8080',
    about: 'The port to listen on; 0 takes a free one.',
  },
  publicUrl: {
    key: 'public_url',
    env: 'PUBLIC_URL',
    kind: origin,
    about:
      'How clients reach the server, for the URLs in its answers. Without it: what the request was sent to.',
  },
  dataDir: {
    key: 'data_dir',
    env: 'COUNTERSIGN_DATA_DIR',
    kind: path,
    fallback: './.countersign',
    about: 'The folder for the database, the keys and the certificates that the server makes.',
  },
  databaseUrl: {
    key: 'database_url',
    env: 'DATABASE_URL',
    kind: secret(databaseUrl),
    secret: true,
    about: 'PostgreSQL. Without it: SQLite in the data directory.',
  },
  accountSid: {
    key: 'account_sid',
    env: 'COUNTERSIGN_ACCOUNT_SID',
    kind: accountSid,
    about:
      'The first account, made at the first start. Without it: a random one. Only together with its token.',
  },
  authToken: {
    key: 'auth_token',
    env: 'COUNTERSIGN_AUTH_TOKEN',
    kind: secret(authToken),
    secret: true,
    about: "The first account's Auth Token.",
  },
  masterKeys: {
    key: 'master_key',
    env: 'COUNTERSIGN_MASTER_KEY',
    kind: list(secret(key32), '32 bytes in base64, or several of these between commas'),
    fallback: '',
    secret: true,
    about: 'The keys that seal secrets in the database. Without it: a key file in the data directory.',
  },
  placements: {
    key: 'placements',
    env: 'COUNTERSIGN_PLACEMENTS',
    kind: integer(1, 4096),
    fallback: '1',
    about: 'Read at the first start only: 4096 where the tables are distributed over machines, else 1.',
  },
  tlsCert: {
    key: 'tls_cert',
    env: 'COUNTERSIGN_TLS_CERT',
    kind: path,
    about: 'The certificate chain, a PEM file. Only together with its key.',
  },
  tlsKey: {
    key: 'tls_key',
    env: 'COUNTERSIGN_TLS_KEY',
    kind: path,
    about: "The certificate's private key, a PEM file.",
  },
  tlsTerminatedByProxy: {
    key: 'tls_terminated_by_proxy',
    env: 'COUNTERSIGN_TLS_TERMINATED_BY_PROXY',
    kind: boolean,
    fallback: 'false',
    about: 'True where a proxy that you trust ends TLS, and nobody else can reach the port.',
  },
  trustedProxies: {
    key: 'trusted_proxies',
    env: 'COUNTERSIGN_TRUSTED_PROXIES',
    kind: list(network, 'IP addresses or networks like 10.0.0.0/8, between commas'),
    fallback: '',
    about: 'Whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.',
  },
  signUp: {
    key: 'sign_up',
    env: 'COUNTERSIGN_SIGN_UP',
    kind: boolean,
    fallback: 'false',
    about: 'Whether anybody may open a trial account: [access](access.md).',
  },
  allowPrivateCallbacks: {
    key: 'allow_private_callbacks',
    env: 'COUNTERSIGN_ALLOW_PRIVATE_CALLBACKS',
    kind: list(network, 'IP addresses or networks like 10.0.0.0/8, between commas'),
    fallback: '',
    about: 'Private addresses that webhooks may be sent to. Else only public ones: [usage](usage.md).',
  },
  rates: {
    key: 'rates',
    env: 'COUNTERSIGN_RATES',
    kind: path,
    about: 'The rate table, a CSV file: what a message costs, by channel and destination: [usage](usage.md).',
  },
  codeTtlSeconds: {
    key: 'code_ttl_seconds',
    env: 'COUNTERSIGN_CODE_TTL_SECONDS',
    kind: integer(120, 86_400),
    fallback: '600',
    unit: 'seconds',
    about: 'How long a code is good.',
  },
  customFriendlyName: {
    key: 'custom_friendly_name',
    env: 'COUNTERSIGN_CUSTOM_FRIENDLY_NAME',
    kind: boolean,
    fallback: 'true',
    about: "Whether a call may put its own `CustomFriendlyName` in the place of the service's name.",
  },
  verificationRetentionDays: {
    key: 'verification_retention_days',
    env: 'COUNTERSIGN_VERIFICATION_RETENTION_DAYS',
    kind: integer(1, 3650),
    fallback: '30',
    unit: 'days',
    about: 'How long verifications and their attempts are kept.',
  },
  inboxRetentionHours: {
    key: 'inbox_retention_hours',
    env: 'COUNTERSIGN_INBOX_RETENTION_HOURS',
    kind: integer(1, 8760),
    fallback: '24',
    unit: 'hours',
    about: 'How long messages in the inbox are kept.',
  },
  functionsDomain: {
    key: 'functions_domain',
    env: 'COUNTERSIGN_FUNCTIONS_DOMAIN',
    kind: domain,
    fallback: 'localhost',
    about:
      "The domain that Functions are reached below, with its port where it has one: [functions](functions.md). `localhost` has the server's own port.",
  },
  functionsPathForm: {
    key: 'functions_path_form',
    env: 'COUNTERSIGN_FUNCTIONS_PATH_FORM',
    kind: boolean,
    fallback: 'false',
    about:
      'Whether Functions answer below `/_functions/<label>/` as well, for where there is no domain for them.',
  },
  functionsLogRetentionDays: {
    key: 'functions_log_retention_days',
    env: 'COUNTERSIGN_FUNCTIONS_LOG_RETENTION_DAYS',
    kind: integer(1, 3650),
    fallback: '7',
    unit: 'days',
    about: 'How long what Functions log is kept.',
  },
  functionsEgress: {
    key: 'functions_egress',
    env: 'COUNTERSIGN_FUNCTIONS_EGRESS',
    kind: list(
      destination,
      'none, all, or host names, names like *.example.com and networks, between commas',
    ),
    fallback: 'all',
    about: 'Where Functions may connect to: `all` is the public internet. The local API is always reached.',
  },
  functionsIsolation: {
    key: 'functions_isolation',
    env: 'COUNTERSIGN_FUNCTIONS_ISOLATION',
    kind: choice('required', 'best'),
    about:
      'Whether Functions run where the machine allows no [wall](functions.md#isolation) around them. Without it: `best` on loopback, else `required`.',
  },
  functionsMemoryMb: {
    key: 'functions_memory_mb',
    env: 'COUNTERSIGN_FUNCTIONS_MEMORY_MB',
    kind: integer(128, 1_048_576),
    fallback: '1024',
    unit: 'MB',
    about: 'What all processes that run Functions may use together: [functions](functions.md#limits).',
  },
  logLevel: {
    key: 'log_level',
    env: 'COUNTERSIGN_LOG_LEVEL',
    kind: choice('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    fallback: 'info',
    about: 'The least severity that is logged.',
  },
} as const satisfies Record<string, Setting>
