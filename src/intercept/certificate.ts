import { createHash, type KeyObject, sign, X509Certificate } from 'node:crypto'
import type { Clock, Random } from '../clock.ts'
import {
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  objectId,
  octetString,
  sequence,
  set,
  time,
  utf8String,
} from './der.ts'

const DAY_MS = 86_400_000

export interface World {
  clock: Clock
  random: Random
}

export interface Subject {
  name: string
  publicKey: KeyObject
  days: number
  extensions: Buffer[]
}

export interface Issuer {
  name: string
  publicKey: KeyObject
  privateKey: KeyObject
}

/** A certificate (RFC 5280) for a P-256 key, PEM. It begins a day early, for clients whose clock is behind. */
export function issueCertificate(world: World, subject: Subject, issuer: Issuer): string {
  const now = world.clock.now()
  const ecdsaWithSha256 = sequence(objectId('1.2.840.10045.4.3.2'))
  const keyIds = [
    extension('2.5.29.14', octetString(keyId(subject.publicKey))),
    extension('2.5.29.35', sequence(implicit(0, keyId(issuer.publicKey)))),
  ]
  const body = sequence(
    explicit(0, integer(2)), // counted from 0: version 3
    integer(Buffer.concat([Buffer.from([1]), world.random.bytes(15)])),
    ecdsaWithSha256,
    commonName(issuer.name),
    sequence(time(now - DAY_MS), time(now + (subject.days - 1) * DAY_MS)),
    commonName(subject.name),
    spki(subject.publicKey),
    explicit(3, sequence(...subject.extensions, ...keyIds)),
  )
  const signed = sequence(body, ecdsaWithSha256, bitString(sign('sha256', body, issuer.privateKey)))
  return new X509Certificate(signed).toString()
}

/**
 * What an authority may do: sign names of `domains` and below, and no address at all. Limits bind only the kinds of
 * names that they list, so addresses have to be listed to be refused.
 */
export function authorityExtensions(domains: readonly string[], levelsBelow: number): Buffer[] {
  const permitted = domains.map((domain) => sequence(dnsName(domain)))
  const excluded = [8, 32].map((length) => sequence(implicit(7, Buffer.alloc(length)))) // 0.0.0.0/0, ::/0
  return [
    critical('2.5.29.19', sequence(boolean(true), integer(levelsBelow))),
    critical('2.5.29.15', bitString(Buffer.from([0b0000_0110]), 1)), // signs certificates and revocation lists
    critical('2.5.29.30', sequence(explicit(0, ...permitted), explicit(1, ...excluded))),
  ]
}

/** What a TLS server called `host` may do. */
export function serverExtensions(host: string): Buffer[] {
  return [
    critical('2.5.29.19', sequence()),
    critical('2.5.29.15', bitString(Buffer.from([0b1000_0000]), 7)), // signs handshakes
    extension('2.5.29.37', sequence(objectId('1.3.6.1.5.5.7.3.1'))),
    extension('2.5.29.17', sequence(dnsName(host))),
  ]
}

const extension = (id: string, value: Buffer) => sequence(objectId(id), octetString(value))
const critical = (id: string, value: Buffer) => sequence(objectId(id), boolean(true), octetString(value))
const dnsName = (name: string) => implicit(2, Buffer.from(name))
const commonName = (name: string) => sequence(set(sequence(objectId('2.5.4.3'), utf8String(name))))
const spki = (key: KeyObject) => key.export({ type: 'spki', format: 'der' })
const keyId = (key: KeyObject) => createHash('sha1').update(spki(key)).digest()
