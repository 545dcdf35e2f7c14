import { ConfigError, quote } from './config-values.ts'

/** Rejects with the error of the operating system, whose `code` says why. */
export type ReadFile = (path: string) => Promise<string>

/** A map of the YAML file, before anything is known of its keys. */
export type Tree = Record<string, unknown>

export const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The text of the file that setting `where` names, without white space around it. Throws ConfigError. */
export async function readText(where: string, path: string, readFile: ReadFile): Promise<string> {
  const text = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError(
      `${where} names ${quote(path)}, which cannot be read: ${error.code ?? error.message}`,
    )
  })
  if (text.trim() === '') throw new ConfigError(`${where} names ${quote(path)}, which is empty`)
  return text.trim()
}

/** The file's top level, all values as text; nothing where no file is and none is `required`. Throws ConfigError. */
export async function readSettings(
  name: string,
  path: string,
  required: boolean,
  readFile: ReadFile,
): Promise<Tree> {
  const text = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' && !required) return ''
    throw new ConfigError(`${name} cannot be read: ${error.code ?? error.message}`)
  })
  // The parser costs start-up time that a server without a file does not pay.
  if (text.trim() === '') return {}
  const tree = await parseYaml(name, text)
  if (tree === null) return {}
  if (!isTree(tree)) throw new ConfigError(`${name} must be a map of settings, like port: 8080`)
  return tree
}

async function parseYaml(name: string, text: string): Promise<unknown> {
  const { parseDocument } = await import('yaml')
  // Everything stays text, and the setting decides: else a password of digits would become a number.
  const document = parseDocument(text, { schema: 'failsafe', prettyErrors: false })
  const [problem] = [...document.errors, ...document.warnings]
  if (problem) {
    // Not the parser's own message, which may quote a secret.
    const line = text.slice(0, problem.pos[0]).split('\n').length
    throw new ConfigError(`${name} is not good YAML: ${problem.code} in line ${line}`)
  }
  try {
    return document.toJS()
  } catch {
    throw new ConfigError(
      `${name} is not good YAML: it has an alias (*name) without an anchor, or too many aliases`,
    )
  }
}
