import { createRequire } from 'node:module'
import { join } from 'node:path'
import { TwilioResponse } from './response.ts'

/** The library of the project itself, in whatever version; we use of it what every version has. */
export interface TwilioClient {
  sync: { v1?: SyncServices; services: SyncServices['services'] }
}

interface SyncServices {
  services(name: string): { syncMaps: unknown; syncLists: unknown }
}

type TwilioLibrary = Record<string, unknown> & ((...credentials: unknown[]) => TwilioClient)

let folder = ''
let library: TwilioLibrary | undefined

/** Where the project lies that has it. */
export function findTwilioFrom(root: string): void {
  folder = root
}

/** Throws where the project does not have it. */
export function requireTwilio(): TwilioLibrary {
  library ??= createRequire(join(folder, 'index.js'))('twilio') as TwilioLibrary
  return library
}

/**
 * The global `Twilio`: the library as a plain object, with the Response of functions. It costs a function nothing that
 * uses but the latter, and little that answers in TwiML, since the library is loaded when something else is asked for.
 */
export function makeTwilioGlobal(): object {
  const known: Record<string | symbol, unknown> = { Response: TwilioResponse }
  let isLoaded = false
  const load = () => {
    if (!isLoaded) Object.assign(known, { ...requireTwilio(), ...known })
    isLoaded = true
    return known
  }
  const read = (key: string | symbol) => {
    if (key === 'twiml') known.twiml ??= requireTwiml()
    return key in known ? known[key] : load()[key]
  }
  return new Proxy(known, {
    get: (_, key) => read(key),
    has: (_, key) => key in load(),
    ownKeys: () => Reflect.ownKeys(load()),
    getOwnPropertyDescriptor: (_, key) => Reflect.getOwnPropertyDescriptor(load(), key),
  })
}

/** A tenth of the library. Every version of it keeps them there, and they are what it has under the same names. */
function requireTwiml(): object {
  const require = createRequire(join(folder, 'index.js'))
  try {
    return Object.fromEntries(TWIML.map((name) => [name, require(`twilio/lib/twiml/${name}`)]))
  } catch {
    return requireTwilio().twiml as object
  }
}

const TWIML = ['VoiceResponse', 'MessagingResponse', 'FaxResponse']
