// Calls functions for as long as it lives, each host over as many connections at once as are said: whoever does harm.
import { Agent, request } from 'node:http'
import { constants, setPriority } from 'node:os'

const PATH = '/bomb'

const bomb = (code: string) => `exports.handler = (context, event, callback) => { ${code} }`

/** What functions do that mean to harm: each deployed by itself. */
export const BOMBS: Record<string, string> = {
  memory: bomb('const all = []; for (;;) all.push(new Array(10000).fill({}).map(() => ({ a: 1 })))'),
  buffers: bomb('const all = []; for (;;) all.push(Buffer.alloc(8 << 20, 1))'),
  loops: bomb('for (;;);'),
  logs: bomb('for (let i = 0; i < 20000; i++) console.log("x".repeat(10000)); callback(null, "said")'),
  answers: bomb('callback(null, "x".repeat(5 << 20))'),
}

if (import.meta.main) {
  const [url = '', connections, ...hosts] = process.argv.slice(2)
  // It stands for other machines, and should take little of this one.
  setPriority(constants.priority.PRIORITY_LOW)
  const agent = new Agent({ keepAlive: true })
  const call = (host: string) => {
    const again = () => call(host)
    request(`${url}${PATH}`, { agent, headers: { host } }, (reply) => {
      const pauseMs = Number(reply.headers['retry-after'] ?? 0) * 1000
      reply.resume().once('end', () => setTimeout(again, pauseMs))
    })
      .on('error', () => setTimeout(again, 100))
      .end()
  }
  for (const host of hosts) for (let i = 0; i < Number(connections); i++) call(host)
}
