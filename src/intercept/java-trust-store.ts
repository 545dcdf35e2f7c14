import { X509Certificate } from 'node:crypto'
import { explicit, integer, objectId, octetString, sequence, set } from './der.ts'

const DATA = '1.2.840.113549.1.7.1'

/**
 * A PKCS#12 file (RFC 7292) that Java takes as a trust store without a password: it holds nothing secret, so it is
 * neither encrypted nor authenticated. Java counts only those certificates as trusted that carry its own attribute.
 */
export function makeJavaTrustStore(certificates: readonly string[]): Buffer {
  const trusted = set(sequence(objectId('2.16.840.1.113894.746875.1.1'), set(objectId('2.5.29.37.0'))))
  const bags = certificates.map((pem) => {
    const certificate = sequence(
      objectId('1.2.840.113549.1.9.22.1'),
      explicit(0, octetString(new X509Certificate(pem).raw)),
    )
    return sequence(objectId('1.2.840.113549.1.12.10.1.3'), explicit(0, certificate), trusted)
  })
  return sequence(integer(3), data(sequence(data(sequence(...bags)))))
}

const data = (content: Buffer) => sequence(objectId(DATA), explicit(0, octetString(content)))
