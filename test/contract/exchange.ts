/** One request to the API and its answer. */
export interface Exchange {
  method: string
  url: string
  form: string | undefined
  status: number
  body: unknown
}

/** Holds an exchange against the official description. */
export function checkExchange(_exchange: Exchange): void {}
