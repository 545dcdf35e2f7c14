import { Clause, Fragment, type Value } from './storage.ts'

/** What an engine binds. */
export type Bound = string | number | null | Uint8Array

/** A statement ready to run: what the engine prepared, and the values in the order of their marks. */
export interface Ready<S> {
  statement: S
  args: Bound[]
}

interface Template<S> {
  statement: S
  /** By position, where the template has any. */
  fragments: readonly (Fragment | undefined)[] | undefined
}

/** How many texts that hold a `Clause` are kept prepared; the oldest goes first. */
const MAX_TEXTS = 500

/**
 * Finds the prepared statement of a tagged template. The template itself is the key, so a call costs one look-up;
 * a template that holds a `Clause` varies and is found by its text. `mark(n)` names the n-th value, from 1.
 */
export function createStatementCache<S>(mark: (position: number) => string, prepare: (text: string) => S) {
  const byTemplate = new WeakMap<TemplateStringsArray, Template<S> | null>()
  const byText = new Map<string, S>()

  function learn(strings: TemplateStringsArray, values: Value[]): Ready<S> {
    const args: Bound[] = []
    const text = splice(strings, values, mark, args)
    const statement = prepare(text)
    const fragments = values.some((value) => value instanceof Fragment)
      ? values.map((value) => (value instanceof Fragment ? value : undefined))
      : undefined
    byTemplate.set(strings, { statement, fragments })
    return { statement, args }
  }

  function findByText(strings: TemplateStringsArray, values: Value[]): Ready<S> {
    const args: Bound[] = []
    const text = splice(strings, values, mark, args)
    let statement = byText.get(text)
    if (statement === undefined) {
      statement = prepare(text)
      const oldest = byText.size >= MAX_TEXTS ? byText.keys().next().value : undefined
      if (oldest !== undefined) byText.delete(oldest)
      byText.set(text, statement)
    }
    return { statement, args }
  }

  return (strings: TemplateStringsArray, values: Value[]): Ready<S> => {
    const template = byTemplate.get(strings)
    if (template) return { statement: template.statement, args: bind(template, values) }
    if (template === undefined && !values.some((value) => value instanceof Clause))
      return learn(strings, values)
    if (template === undefined) byTemplate.set(strings, null)
    return findByText(strings, values)
  }
}

function bind<S>(template: Template<S>, values: Value[]): Bound[] {
  const { fragments } = template
  if (!fragments) return values as Bound[]
  const args: Bound[] = []
  for (const [i, value] of values.entries()) {
    if (fragments[i] === undefined) args.push(value as Bound)
    // The text was made with the first one, and a statement must not silently be another than its caller wrote.
    else if (fragments[i] !== value)
      throw new Error('a fragment must be constant: pass what varies as sql`…`')
  }
  return args
}

/** The text of a template with fragments and clauses spliced in; appends the values to `args`. */
function splice(
  strings: readonly string[],
  values: readonly Value[],
  mark: (position: number) => string,
  args: Bound[],
): string {
  let text = strings[0] ?? ''
  for (const [i, value] of values.entries()) {
    if (value instanceof Fragment) text += value.sql
    else if (value instanceof Clause) text += splice(value.strings, value.values, mark, args)
    else text += mark(args.push(value))
    text += strings[i + 1] ?? ''
  }
  return text
}
