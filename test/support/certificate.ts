import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' })
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
export const LOCALHOST = 'subjectAltName=IP:127.0.0.1,DNS:localhost'

export interface Certificate {
  cert: string
  key: string
}

const filesOf = (folder: string, name: string): Certificate => ({
  cert: join(folder, `${name}.pem`),
  key: join(folder, `${name}-key.pem`),
})

/** Makes one that signs itself: the files of certificate and key. */
export function makeSelfSigned(folder: string, name: string, days = 2): Certificate {
  const { cert, key } = filesOf(folder, name)
  const subject = ['-subj', `/CN=${name}`, '-addext', LOCALHOST, '-days', String(days)]
  openssl('req', '-x509', ...NEW_KEY, ...subject, '-keyout', key, '-out', cert)
  return { cert, key }
}

/** An authority of its own, and what it signs. */
export function makeAuthority(folder: string, name: string) {
  const authority = filesOf(folder, name)
  const subject = ['-subj', `/CN=${name}`, '-days', '2']
  openssl('req', '-x509', ...NEW_KEY, ...subject, '-keyout', authority.key, '-out', authority.cert)
  return {
    ...authority,
    /** `extension` tells whom it is for, where that is a server. */
    sign(commonName: string, extension?: string): Certificate {
      const { cert, key } = filesOf(folder, commonName)
      const more = ['-subj', `/CN=${commonName}`, ...(extension ? ['-addext', extension] : []), '-days', '2']
      const by = ['-CA', authority.cert, '-CAkey', authority.key]
      openssl('req', '-x509', ...NEW_KEY, ...more, ...by, '-keyout', key, '-out', cert)
      return { cert, key }
    },
  }
}
