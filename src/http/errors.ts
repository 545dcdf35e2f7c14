/** THE catalogue: every error the API answers with. Codes, statuses and texts as published for the real API. */
const catalogue = {
  invalidRequest: [20001, 400, (reason: string) => reason],
  authenticate: [20003, 401, () => 'Authenticate'],
  methodNotAllowed: [20004, 405, () => 'Method not allowed'],
  accountNotActive: [20005, 403, () => 'Account not active'],
  accessDenied: [20006, 403, () => 'Access Denied'],
  pageSizeTooLarge: [20007, 400, () => 'Page size too large'],
  notFound: [20404, 404, (path: string) => `The requested resource ${path} was not found`],
  notBuilt: [
    20404,
    404,
    (path: string) => `The requested resource ${path} was not found: it is not built yet`,
  ],
  notComplete: [20009, 409, () => 'Cannot delete this resource before it is complete'],
  conflict: [20409, 409, () => 'Conflict'],
  tooManyRequests: [20429, 429, () => 'Too many requests'],
  bodyTooLarge: [20413, 413, () => 'Request Entity Too Large'],
  headersTooLarge: [20431, 431, () => 'Request Header Fields Too Large'],
  requestTimeout: [20408, 408, () => 'Request Timeout'],
  internal: [20500, 500, () => 'Internal Server Error'],
  unavailable: [20503, 503, () => 'Service is unavailable. Please try again'],
  alreadyVerified: [21210, 400, () => 'Phone number already verified'],
  invalidMessageTo: [21211, 400, (to: string) => `Invalid 'To' Phone Number: ${to}`],
  invalidFrom: [21212, 400, (from: string) => `Invalid 'From' Phone Number: ${from}`],
  invalidUrl: [21402, 400, (name: string) => `Invalid Url: ${name}`],
  invalidNumber: [21421, 400, (number: string) => `PhoneNumber is invalid: ${number}`],
  numberNotAvailable: [21422, 400, (number: string) => `PhoneNumber is not available: ${number}`],
  bodyRequired: [21602, 400, () => 'Message body is required.'],
  fromRequired: [21603, 400, () => "A 'From' phone number is required."],
  notOwnFrom: [
    21606,
    400,
    (from: string) =>
      `The From phone number ${from} is not a valid, SMS-capable inbound phone number or short code for your account.`,
  ],
  // As Messages answers it.
  unverifiedTo: [
    21608,
    400,
    () => 'The number is unverified. Trial accounts cannot send messages to unverified numbers.',
  ],
  invalidStatusCallback: [21609, 400, () => "Invalid 'StatusCallback'"],
  bodyTooLong: [21617, 400, () => 'The concatenated message body exceeds the 1600 character limit.'],
  // As Verify answers it: reference twilio-node issue 1111.
  unverifiedNumber: [
    21608,
    403,
    () => 'The phone number is unverified. Trial accounts cannot send messages to unverified numbers',
  ],
  invalidParameter: [60200, 400, (name: string) => `Invalid parameter: ${name}`],
  // Clients match this one with back-quotes and the value: reference errors.md §1.
  invalidTo: [60200, 400, (value: string) => `Invalid parameter \`To\`: ${value}`],
  maxChecks: [60202, 429, () => 'Max check attempts reached'],
  maxSends: [60203, 429, () => 'Max send attempts reached'],
  unsupportedFeature: [60204, 403, (what: string) => `Service does not support this feature: ${what}`],
  landline: [60205, 403, () => 'SMS is not supported by landline phone number'],
  psd2Required: [60206, 400, () => "'Amount' & 'Payee' params are required"],
  tooManyConcurrent: [60212, 429, () => 'Too many concurrent requests for phone number'],
  psd2Call: [60214, 400, () => 'Call channel is not supported when using PSD2'],
  noTarget: [60221, 400, () => 'No target verification specified'],
  channelDisabled: [60223, 400, (channel: string) => `Delivery channel disabled: ${channel.toUpperCase()}`],
  authorizationFailed: [70051, 403, () => 'Authorization Failed'],
  appHashChannel: [60602, 400, () => 'App hash can only be used with SMS channel'],
} as const satisfies Record<string, readonly [number, number, (detail: string) => string]>

export type ErrorName = keyof typeof catalogue

/** An answer the API gives on purpose. Anything else thrown is a bug and answered 500. */
export class ApiError extends Error {
  readonly code: number
  readonly status: number
  /** Told in `Retry-After`. */
  retryAfterSeconds: number | undefined
  constructor(code: number, status: number, message: string) {
    super(message)
    this.code = code
    this.status = status
  }

  /** The same, telling how long to wait. */
  after(seconds: number): this {
    this.retryAfterSeconds = seconds
    return this
  }
}

type Fail = { [N in ErrorName]: (...args: Parameters<(typeof catalogue)[N][2]>) => ApiError }

/** `throw fail.maxChecks()`: the only way to refuse a request. */
export const fail = Object.fromEntries(
  Object.entries(catalogue).map(([name, [code, status, text]]) => [
    name,
    (detail: string) => new ApiError(code, status, text(detail)),
  ]),
) as Fail

/** The rows of the catalogue, for the docs page and the test that reaches each of them. */
export const errorRows = Object.entries(catalogue).map(([name, [code, status, text]]) => ({
  name: name as ErrorName,
  code,
  status,
  message: text('…'),
}))

export function errorBody({ code, status, message }: { code: number; status: number; message: string }) {
  return { code, message, more_info: `https://www.twilio.com/docs/errors/${code}`, status }
}
