import { X509Certificate } from 'node:crypto'

/** What is wrong with an option that its schema accepts. */
export interface OptionFault {
  /** As it stands in the file: `tls_ca`, `dkim.key`. */
  option: string
  /** Completes a sentence that begins with the option; never its value. */
  fault: string
}

export const NOT_PEM = 'is not a certificate in PEM'

/** Whether a text holds a certificate in PEM. Of anything else TLS would silently trust nothing. */
export function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}
