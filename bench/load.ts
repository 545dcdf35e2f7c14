import { connect, type Socket } from 'node:net'

/** One request of a run: a form posted to a path. */
export interface Post {
  path: string
  form: string
}

export interface Run {
  /** The server's address, like `http://127.0.0.1:8080`. */
  url: string
  /** Whom requests are for, where that is not said by the address. */
  host?: string | undefined
  /** The header of the next request. */
  authorization(): string
  connections: number
  /** The next request; undefined when there are no more. */
  next(): Post | undefined
  /** Runs this long, or until `next` has no more. */
  seconds?: number
  /** Requests a second that are begun, whatever the server does (an open loop). Without it: as many as it answers. */
  rate?: number
}

export interface Result {
  requests: number
  perSecond: number
  p50Ms: number
  p99Ms: number
}

/** Sends requests over kept connections and waits for every answer. Throws at the first answer that is not 2xx. */
export function runLoad({
  url,
  host,
  authorization,
  connections,
  next,
  seconds,
  rate,
}: Run): Promise<Result> {
  const { hostname, port, host: own } = new URL(url)
  const head = ` HTTP/1.1\r\nhost: ${host ?? own}\r\ncontent-type: application/x-www-form-urlencoded\r\nauthorization: `
  const latencies: number[] = []
  const startedMs = performance.now()
  const endMs = startedMs + (seconds ?? Number.POSITIVE_INFINITY) * 1000

  return new Promise((resolve, reject) => {
    const lines: Line[] = []
    const free: Line[] = []
    let begun = 0
    let ended = false
    let timer: NodeJS.Timeout | undefined
    /** Arrivals that wait for a free connection: their latency counts from when they came. */
    const arrivals: number[] = []

    function finish(error?: Error): void {
      clearInterval(timer)
      for (const line of lines) line.socket.destroy()
      if (error) {
        reject(error)
        return
      }
      const tookMs = performance.now() - startedMs
      latencies.sort((a, b) => a - b)
      const at = (share: number) =>
        latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
      resolve({
        requests: latencies.length,
        perSecond: (latencies.length / tookMs) * 1000,
        p50Ms: at(0.5),
        p99Ms: at(0.99),
      })
    }

    function begin(line: Line, sinceMs: number): void {
      const post = ended || sinceMs >= endMs ? undefined : next()
      if (!post) {
        ended = true
        if (free.push(line) === lines.length) finish()
        return
      }
      line.sinceMs = sinceMs
      line.socket.write(
        `POST ${post.path}${head}${authorization()}\r\ncontent-length: ${post.form.length}\r\n\r\n${post.form}`,
        'latin1',
      )
    }

    function answered(line: Line, status: number, answer: string): void {
      const nowMs = performance.now()
      if (status < 200 || status > 299) {
        finish(new Error(`answered ${status}: ${answer}`))
        return
      }
      latencies.push(nowMs - line.sinceMs)
      const cameMs = rate === undefined ? nowMs : arrivals.shift()
      if (cameMs !== undefined) begin(line, cameMs)
      else if (free.push(line) === lines.length && ended) finish()
    }

    /** Begins what is due by now, evenly in time. */
    function tick(perSecond: number): void {
      const nowMs = performance.now()
      for (; ; begun++) {
        const dueMs = startedMs + (begun / perSecond) * 1000
        if (dueMs > nowMs) return
        if (dueMs >= endMs) break
        const line = free.pop()
        if (line) begin(line, nowMs)
        else arrivals.push(nowMs)
      }
      ended = true
      clearInterval(timer)
      if (free.length === lines.length) finish()
    }

    for (let i = 0; i < connections; i++) lines.push(openLine(hostname, Number(port), answered, finish))
    if (rate === undefined) for (const line of lines) begin(line, performance.now())
    else {
      free.push(...lines)
      timer = setInterval(tick, 1, rate)
    }
  })
}

interface Line {
  socket: Socket
  /** When the request under way was due. */
  sinceMs: number
}

/** A connection with one request under way at a time. */
function openLine(
  host: string,
  port: number,
  answered: (line: Line, status: number, answer: string) => void,
  failed: (error: Error) => void,
): Line {
  const socket = connect({ host, port, noDelay: true })
  const line: Line = { socket, sinceMs: 0 }
  let received = ''
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    received = received === '' ? chunk : received + chunk
    const headEnd = received.indexOf('\r\n\r\n')
    if (headEnd < 0) return
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(received)?.[1])
    if (received.length < headEnd + 4 + length) return
    const answer = received
    received = ''
    answered(line, Number(answer.slice(9, 12)), answer)
  })
  socket.on('error', failed)
  return line
}
