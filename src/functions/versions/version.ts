import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { audit } from '../../accounts/audit/audit.ts'
import type { Context } from '../../context.ts'
import type { Caller } from '../../http/caller.ts'
import { fail } from '../../http/errors.ts'
import type { Upload } from '../../http/multipart.ts'
import { newSid } from '../../storage/sid.ts'
import type { Fragment, Tx } from '../../storage/storage.ts'
import { dropContent, keepContent, readContent } from '../contents.ts'
import { MAX_ASSET_BYTES, MAX_FUNCTION_BYTES, MAX_PATH } from '../limits.ts'
import type { Resource, ResourceKind } from '../resources/resource.ts'
import { typeOf } from './content-type.ts'
import { deleteUnbuilt, findVersion, insertVersion, lockVersion } from './store.ts'

export const VISIBILITIES = ['public', 'protected', 'private'] as const
export type Visibility = (typeof VISIBILITIES)[number]

/** One upload of a function or an asset. It never changes: builds refer to it. */
export interface Version {
  sid: string
  accountSid: string
  serviceSid: string
  resourceSid: string
  kind: ResourceKind
  path: string
  visibility: Visibility
  contentType: string
  /** SHA-256 of its content, in hexadecimal digits. */
  hash: string
  size: number
  createdAtMs: number
}

/**
 * Throws 20404, 60200 for a path that is none or a missing content, 20413 for an asset beyond 25 MB, 20001 for a
 * function that is no text of at most 1 MB.
 */
export async function createVersion(
  ctx: Context,
  caller: Caller,
  resource: Resource,
  input: { Path: string; Visibility: Visibility },
  file: Upload | undefined,
): Promise<Version> {
  const { accountSid, serviceSid, kind } = resource
  const path = checkPath(input.Path)
  if (!file) throw fail.invalidParameter('Content')
  checkContent(kind, file.bytes)
  const now = ctx.clock.now()
  const version: Version = {
    sid: newSid('ZN', 0, now, ctx.random),
    accountSid,
    serviceSid,
    resourceSid: resource.sid,
    kind,
    path,
    visibility: input.Visibility,
    contentType: file.contentType ?? typeOf(path),
    hash: createHash('sha256').update(file.bytes).digest('hex'),
    size: file.bytes.length,
    createdAtMs: now,
  }
  await ctx.storage.write(async (tx) => {
    await keepContent(tx, ctx.storage.forUpdate, accountSid, version.hash, file.bytes)
    await insertVersion(tx, version)
    const { hash, size, visibility } = version
    await audit(ctx, tx, caller, {
      type: `serverless-${kind}-version.created`,
      resource: `serverless-${kind}-version`,
      sid: version.sid,
      data: { [`${kind}_sid`]: resource.sid, path, visibility, hash, size },
    })
  })
  return version
}

/** Throws 20404. */
export async function fetchVersion(ctx: Context, resource: Resource, sid: string): Promise<Version> {
  const version = await findVersion(ctx.storage.read, resource.accountSid, resource.sid, sid)
  if (!version) throw fail.notFound(`/Versions/${sid}`)
  return version
}

/** The text of a function. Throws 20404. */
export async function fetchSource(ctx: Context, version: Version): Promise<string> {
  const content = await readContent(ctx.storage.read, version.accountSid, version.hash)
  if (!content) throw fail.notFound(`/Versions/${version.sid}/Content`)
  return new TextDecoder().decode(content)
}

/** Removes those of the versions that no build holds, and the contents that were theirs alone. */
export async function dropVersions(tx: Tx, forUpdate: Fragment, versions: readonly Version[]): Promise<void> {
  // Locks are taken in one order, by all who take several.
  const inOrder = versions.toSorted((a, b) => (a.sid < b.sid ? -1 : 1))
  for (const version of inOrder) {
    await lockVersion(tx, forUpdate, version.accountSid, version.serviceSid, version.sid)
    await deleteUnbuilt(tx, version)
  }
  const contents = new Map(
    versions.map(({ accountSid, hash }) => [`${accountSid} ${hash}`, { accountSid, hash }]),
  )
  for (const [, { accountSid, hash }] of [...contents].sort(([a], [b]) => (a < b ? -1 : 1)))
    await dropContent(tx, forUpdate, accountSid, hash)
}

/** What the official tools refuse as well, and what no folder could hold. */
function checkPath(given: string): string {
  const path = given.startsWith('/') ? given : `/${given}`
  const segments = path.slice(1).split('/')
  const isPath =
    !/[#;,?:@+&$()'"\\%\s\p{Cc}]/u.test(path) && !segments.some((s) => ['', '.', '..'].includes(s))
  if (!isPath || Buffer.byteLength(path) > MAX_PATH) throw fail.invalidParameter('Path')
  return path
}

function checkContent(kind: ResourceKind, bytes: Uint8Array): void {
  if (kind === 'asset') {
    if (bytes.length > MAX_ASSET_BYTES) throw fail.bodyTooLarge()
  } else if (bytes.length > MAX_FUNCTION_BYTES || !isUtf8(bytes)) {
    throw fail.invalidRequest('The Content of a function has to be text in UTF-8, of at most 1 MB')
  }
}
