import type { Dependency } from './dependencies.ts'
import { BuildFailure } from './failure.ts'

/** What Countersign is itself: it is not installed, and `require` finds an empty package. */
export const RUNTIME_HANDLER = '@twilio/runtime-handler'

/** As npm names packages; capitals are those of old ones. */
const NAME = /^(?:@[a-z\d~-][\w.~-]*\/)?[a-z\d~-][\w.~-]*$/i
/** Numbers, signs and words of ranges, and tags: nothing that could be a path, a URL or another name. */
const RANGE = /^(?![.]|~(?!>?\s*[v\d]))[\w\s.^~<>=|*+-]+$/
const FILE = /\.(?:tgz|tar|tar\.gz)$/i
const RESERVED = ['node_modules', 'favicon.ico']

/**
 * What npm is to install, as a `package.json`; undefined where that is nothing. Throws BuildFailure for what does not
 * come from the registry: a repository, a URL, a file.
 */
export function composePackage(dependencies: readonly Dependency[]): string | undefined {
  const wanted = dependencies.filter(({ name }) => name !== RUNTIME_HANDLER)
  if (wanted.length === 0) return undefined
  for (const { name, version } of wanted) {
    if (name.length > 214 || !NAME.test(name) || RESERVED.includes(name.toLowerCase()))
      throw new BuildFailure(`${JSON.stringify(name)} is not the name of a package`)
    if (version.length > 256 || !RANGE.test(version) || FILE.test(version))
      throw new BuildFailure(
        `${name}: ${JSON.stringify(version)} is not a range of versions, as in ^1.2.0, or a tag`,
      )
  }
  const sorted = wanted.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const entries = Object.fromEntries(sorted.map(({ name, version }) => [name, version.trim()]))
  return JSON.stringify({ name: 'functions', version: '0.0.0', private: true, dependencies: entries })
}
