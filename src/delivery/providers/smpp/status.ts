import type { SendResult } from '../../provider.ts'
import type { SmppOptions } from './options.ts'

export const STATUS = {
  ok: 0x00,
  invalidCommand: 0x03,
  alreadyBound: 0x05,
  bindFailed: 0x0d,
  invalidPassword: 0x0e,
  invalidSystemId: 0x0f,
  queueFull: 0x14,
  throttled: 0x58,
  /** "Temporary error of the receiver": the SMSC sends the receipt again. */
  tryAgain: 0x64,
} as const

type Meaning = 'busy' | Extract<SendResult, { outcome: 'rejected' }>['kind']

const MEANINGS = new Map<number, [name: string, meaning: Meaning]>([
  [0x01, ['ESME_RINVMSGLEN', 'content']],
  [0x04, ['ESME_RINVBNDSTS', 'busy']],
  [0x08, ['ESME_RSYSERR', 'busy']],
  [0x0a, ['ESME_RINVSRCADR', 'config']],
  [0x0b, ['ESME_RINVDSTADR', 'bad_number']],
  [STATUS.queueFull, ['ESME_RMSGQFUL', 'busy']],
  [0x45, ['ESME_RSUBMITFAIL', 'busy']],
  [0x48, ['ESME_RINVSRCTON', 'config']],
  [0x49, ['ESME_RINVSRCNPI', 'config']],
  [0x50, ['ESME_RINVDSTTON', 'bad_number']],
  [0x51, ['ESME_RINVDSTNPI', 'bad_number']],
  [STATUS.throttled, ['ESME_RTHROTTLED', 'busy']],
  [STATUS.tryAgain, ['ESME_RX_T_APPN', 'busy']],
  [0x65, ['ESME_RX_P_APPN', 'blocked']],
  [0x66, ['ESME_RX_R_APPN', 'blocked']],
  [0xfe, ['ESME_RDELIVERYFAILURE', 'blocked']],
  [0xff, ['ESME_RUNKNOWNERR', 'busy']],
])

/** `0x0000000B` and the like, as carriers print it. */
export const statusCode = (status: number) => `0x${status.toString(16).toUpperCase().padStart(8, '0')}`

export const isThrottling = (status: number) => status === STATUS.throttled || status === STATUS.queueFull

/** Refusals that do not heal by trying: carriers lock accounts that keep on. */
export const isBindRefusal = (status: number) =>
  status === STATUS.invalidPassword ||
  status === STATUS.invalidSystemId ||
  status === STATUS.bindFailed ||
  status === STATUS.alreadyBound

/** What a command_status other than 0 means for the message. */
export function refusal(status: number, vendor: SmppOptions['vendor_status']): SendResult {
  const [name, meaning] = MEANINGS.get(status) ?? [undefined, vendorMeaning(status, vendor)]
  const report = { code: statusCode(status), ...(name && { detail: name }) }
  if (meaning !== 'busy') return { outcome: 'rejected', kind: meaning, ...report }
  return { outcome: 'busy', ...report, ...(isThrottling(status) && { retryAfterMs: 1000 }) }
}

function vendorMeaning(status: number, vendor: SmppOptions['vendor_status']): Meaning {
  if (status < 0x400 || status > 0x4ff) return 'config'
  return Object.entries(vendor).find(([code]) => Number(code) === status)?.[1] ?? 'blocked'
}
