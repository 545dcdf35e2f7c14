import { ConfigError, explainFile, quote } from './config-values.ts'

/** Rejects with the error of the operating system, whose `code` says why. */
export type ReadFile = (path: string) => Promise<string>

/** A map of the YAML file, before anything is known of its keys. */
export type Tree = Record<string, unknown>

export const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The text of the file that setting `where` names, without white space around it. Throws ConfigError. */
export async function readText(where: string, path: string, readFile: ReadFile): Promise<string> {
  const text = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError(`${where} names ${quote(path)}, which cannot be read: ${explainFile(error)}`)
  })
  if (text.trim() === '') throw new ConfigError(`${where} names ${quote(path)}, which is empty`)
  return text.trim()
}

/**
 * The file's top level, all values as text; nothing where no file is, unless the variable `namedBy` asks for it.
 * Throws ConfigError.
 */
export async function readSettings(
  name: string,
  path: string,
  namedBy: string | undefined,
  readFile: ReadFile,
): Promise<Tree> {
  const text = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' && !namedBy) return ''
    const file = namedBy ? `${namedBy} names ${quote(name)}, which` : name
    throw new ConfigError(`${file} cannot be read: ${explainFile(error)}`)
  })
  // The parser costs start-up time that a server without a file does not pay.
  if (text.trim() === '') return {}
  const tree = await parseYaml(name, text)
  if (tree === null) return {}
  if (!isTree(tree)) throw new ConfigError(`${name} must be a map of settings, like port: 8080`)
  return tree
}

/** Of what is wrong most often; what else may be says its code well enough. */
const YAML_FAULTS: Record<string, string> = {
  BAD_INDENT: 'the indentation does not fit the lines around it',
  BLOCK_AS_IMPLICIT_KEY: 'a second ": " in one line: put the value in quotes, or on a line of its own',
  DUPLICATE_KEY: 'the key is there twice',
  MISSING_CHAR: 'a quote, bracket, colon or comma is missing',
  TAB_AS_INDENT: 'a tab: indent with spaces',
  TAG_RESOLVE_FAILED: 'tags (!…) are not understood: remove it, or put the value in quotes',
}

async function parseYaml(name: string, text: string): Promise<unknown> {
  const { parseDocument } = await import('yaml')
  // Everything stays text, and the setting decides: else a password of digits would become a number.
  const document = parseDocument(text, { schema: 'failsafe', prettyErrors: false })
  const [problem] = [...document.errors, ...document.warnings]
  if (problem) {
    // Not the parser's own message, which may quote a secret.
    const line = text.slice(0, problem.pos[0]).split('\n').length
    const fault = YAML_FAULTS[problem.code] ?? problem.code.toLowerCase().replaceAll('_', ' ')
    throw new ConfigError(`${name} is not good YAML in line ${line}: ${fault}`)
  }
  try {
    return document.toJS()
  } catch {
    throw new ConfigError(
      `${name} is not good YAML: it has an alias (*name) without an anchor, or too many aliases`,
    )
  }
}
