/** What of the described API is built: for the tests that hold the code and the docs to it. */
import { operations } from '../../src/app.ts'
import type { Operation } from '../../src/http/operation.ts'
import { type DescribedOperation, type Product, readDescription, withoutJson } from './description.ts'

export interface Compatibility {
  described: DescribedOperation
  /** Ours; undefined where it is not built yet. */
  built: Operation | undefined
}

/** The operations of a product that are ours to build, in the order of the description: of Verify v2 all 57. */
export function listCompatibility(product: Product): Compatibility[] {
  return readDescription(product).operations.map((described) => ({
    described,
    built: operations.find((ours) => sameRoute(ours) === sameRoute(described)),
  }))
}

/** Names of a path's parts are nobody's business: `/Services/{Sid}` is our `/Services/:ServiceSid`. */
export const sameRoute = ({ method, path }: { method: string; path: string }) =>
  `${method} ${withoutJson(path).replace(/\{\w+\}|:\w+/g, '*')}`
