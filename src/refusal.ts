/** What an operator asked for cannot be done now. The message says why, and what to do; it is one line. */
export class Refusal extends Error {
  override name = 'Refusal'
}
