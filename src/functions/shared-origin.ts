import type { Answer, Header } from './answer.ts'

/** The cookies of the server's own pages. */
const OWN_COOKIE = /^\s*(__Host-|__Secure-)?countersign/i
/** They speak for a whole origin, and this one is not the Function's. */
const OF_THE_ORIGIN = new Set([
  'alt-svc',
  'clear-site-data',
  'nel',
  'report-to',
  'service-worker-allowed',
  'strict-transport-security',
])
/** Pages may run scripts, as nobody: they reach neither cookies nor storage of the origin. */
const SANDBOX = 'sandbox allow-forms allow-modals allow-popups allow-scripts'

/** What a Function answers below a path of the server, `root`, without what would reach beyond that path. */
export const shareOrigin = ({ headers, ...answer }: Answer, root: string): Answer => ({
  ...answer,
  headers: [...headers.flatMap((header) => keepBelow(header, root)), ['content-security-policy', SANDBOX]],
})

function keepBelow([name, value]: Header, root: string): Header[] {
  const key = name.toLowerCase()
  if (OF_THE_ORIGIN.has(key)) return []
  if (key !== 'set-cookie') return [[name, value]]
  const [pair = '', ...attributes] = value.split(';')
  // One without a name may look like any other when it comes back.
  if (!/^\s*[^\s=][^=]*=/.test(pair) || OWN_COOKIE.test(pair)) return []
  const kept = attributes.filter((attribute) => !/^\s*(path|domain)\s*(=|$)/i.test(attribute))
  return [[name, [pair, ...kept, ` Path=${root}`].join(';')]]
}

/** What a Function may see of a request to the origin it shares. */
export function withoutOwnCookies(headers: Record<string, string | string[]>) {
  const { cookie, ...rest } = headers
  const cookies = [cookie ?? []].flat().flatMap((line) => line.split(';'))
  const kept = cookies.filter((pair) => !OWN_COOKIE.test(pair))
  return kept.length === 0 ? rest : { ...rest, cookie: kept.join(';').trim() }
}
