/** A map that drops what was put into it first when there is more than it may hold. */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #max: number
  /** Stands before the oldest key, always: a new one would have to pass all the places that were emptied. */
  readonly #keys = this.keys()

  constructor(max: number) {
    super()
    this.#max = max
  }

  override set(key: K, value: V): this {
    super.set(key, value)
    if (this.size > this.#max) this.delete(this.#keys.next().value as K)
    return this
  }
}
