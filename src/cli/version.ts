import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'

/** The package's version, also where only the compiled form is installed. */
export function readVersion(): string {
  const path = findPackageJSON(import.meta.url)
  return path === undefined ? 'unknown' : JSON.parse(readFileSync(path, 'utf8')).version
}
