import type { TSchema, Type as Typebox } from 'typebox'

/** Of a schema that an object may lack: hidden, since it says something of the object and not of the value. */
const OPTIONAL = '~optional'

const object = (properties: Record<string, object>, options: object) => {
  const required = Object.keys(properties).filter((name) => !Object.hasOwn(properties[name] ?? {}, OPTIONAL))
  return { type: 'object', ...(required.length > 0 && { required }), properties, ...options }
}

const builders = {
  Array: (items: object, options = {}) => ({ type: 'array', items, ...options }),
  Boolean: (options = {}) => ({ type: 'boolean', ...options }),
  Integer: (options = {}) => ({ type: 'integer', ...options }),
  Null: (options = {}) => ({ type: 'null', ...options }),
  Number: (options = {}) => ({ type: 'number', ...options }),
  Object: (properties: Record<string, object>, options = {}) => object(properties, options),
  Optional: (schema: object) => Object.defineProperty({ ...schema }, OPTIONAL, { value: true }),
  Record: (_key: TSchema, value: object) => ({ type: 'object', patternProperties: { '^.*$': value } }),
  String: (options = {}) => ({ type: 'string', ...options }),
  Unknown: (options = {}) => ({ ...options }),
  Unsafe: (schema: object) => schema,
}

/**
 * The builders of typebox that operations use, with its types and the same schemas: to load its 700 modules would be
 * a third of all that the start takes.
 */
export const Type = builders as unknown as Pick<typeof Typebox, keyof typeof builders>
