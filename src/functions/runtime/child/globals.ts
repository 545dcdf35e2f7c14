import { readFileSync } from 'node:fs'
import type { StartHead } from '../protocol.ts'
import type { HandlerContext } from './context.ts'
import { TwilioResponse } from './response.ts'
import { makeTwilioGlobal } from './twilio.ts'

/**
 * What functions find without asking for it: `Twilio`, `Runtime`, and three names of old that the platform still has.
 * `context` is that of the invocation under way.
 */
export function defineGlobals(start: StartHead, context: () => HandlerContext): void {
  const functions = Object.fromEntries(
    start.functions.map(([path, file]) => [path.replace(/^\//, ''), { path: file }]),
  )
  const assets = Object.fromEntries(
    start.assets.map(([path, file]) => [path, { path: file, open: () => readFileSync(file, 'utf8') }]),
  )
  const getFunctions = () => functions
  Object.assign(globalThis, {
    Twilio: makeTwilioGlobal(),
    Runtime: {
      getFunctions,
      getAssets: () => assets,
      getSync: (options?: object) => getSync(context(), options),
    },
    Functions: functions,
    Response: TwilioResponse,
  })
  Object.defineProperty(globalThis, 'twilioClient', { configurable: true, get: () => clientOf(context()) })
}

/** Undefined without valid credentials. */
function clientOf(context: HandlerContext): unknown {
  try {
    return context.getTwilioClient()
  } catch {
    return undefined
  }
}

function getSync(context: HandlerContext, options: { serviceName?: string } = {}): object {
  const { serviceName = 'default', ...clientOptions } = options
  const { sync } = context.getTwilioClient(clientOptions)
  const service = (sync.v1 ?? sync).services(serviceName)
  return Object.assign(service, { maps: service.syncMaps, lists: service.syncLists })
}
