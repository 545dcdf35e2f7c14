import type { IncomingMessage } from 'node:http'
import { type Config, isLoopback } from '../config.ts'
import { isTwilioHost, type Urls, urlsOf } from '../http/urls.ts'

/** The first part of a functions host, or undefined where the host is not one: `demo-1234-dev` of `demo-1234-dev.twil.io`. */
export function labelOf(config: HostSettings, host: string): string | undefined {
  const name = nameOf(host)
  const dot = name.indexOf('.')
  if (dot < 1) return undefined
  const domain = name.slice(dot + 1)
  const isOurs =
    domain === 'twil.io' ||
    domain === nameOf(config.functionsDomain) ||
    (domain === 'localhost' && isLoopback(config.host))
  return isOurs && name !== hostOf(config.publicUrl) ? name.slice(0, dot) : undefined
}

type HostSettings = Pick<Config, 'functionsDomain' | 'functionsPathForm' | 'host' | 'publicUrl'>

/** A request that is for a Function. */
export interface Call {
  label: string
  /** Path and query below its domain: `/sms-reply?a=1`. */
  target: string
  /** The whole address as the caller used it. */
  url: string
  domainName: string
  /** Below a path of this server, where others have their pages as well. */
  sharesOrigin: boolean
}

const PATH_FORM = '/_functions/'

/** The path of this server below which the domain of a call has its pages, where it has no host of its own. */
export const rootOf = ({ label }: Call) => `${PATH_FORM}${label}/`

/** Undefined where the request is for the server itself. */
export function callOf(config: HostSettings, request: IncomingMessage, isSecure: boolean): Call | undefined {
  const { url: target = '/' } = request
  const host = hostHeader(request)
  const label = labelOf(config, host)
  if (label !== undefined) {
    const { base } = urlsOf(host, isSecure, undefined)
    const domainName = base.replace(/^https?:\/\//, '').replace(isSecure ? /:443$/ : /:80$/, '')
    return { label, target, url: base + target, domainName, sharesOrigin: false }
  }
  if (!config.functionsPathForm || !target.startsWith(PATH_FORM) || isTwilioHost(nameOf(host)))
    return undefined
  const [, named = '', rest = ''] = /^([^/?]*)(.*)$/.exec(target.slice(PATH_FORM.length)) ?? []
  const urls = urlsOf(host, isSecure, config.publicUrl)
  if (!URL.canParse(urls.base)) return undefined
  return {
    label: named,
    target: rest.startsWith('/') ? rest : `/${rest}`,
    url: urls.base + target,
    domainName: domainOf(config, named, urls),
    sharesOrigin: true,
  }
}

/** HTTP/2 has its authority where HTTP/1.1 has its host. */
export const hostHeader = ({ headers }: Pick<IncomingMessage, 'headers'>) =>
  headers.host ?? String(headers[':authority'] ?? '')

/**
 * The domain of an environment as whoever sees these addresses would reach it, with its port where it has one:
 * `demo-1234-dev.twil.io` under a Twilio host.
 */
export function domainOf({ functionsDomain }: HostSettings, label: string, urls: Urls): string {
  const { hostname, port } = new URL(urls.base)
  if (isTwilioHost(hostname)) return `${label}.twil.io`
  // Of this machine only: nothing but the server itself listens there.
  const isLocal = functionsDomain === 'localhost'
  return `${label}.${functionsDomain}${isLocal && port !== '' ? `:${port}` : ''}`
}

/** Of a host or a domain: in lower case, without port and final dot. */
export const nameOf = (host: string) => host.replace(/:\d+$/, '').replace(/\.$/, '').toLowerCase()

const hostOf = (url: string | undefined) => (url === undefined ? undefined : new URL(url).hostname)
