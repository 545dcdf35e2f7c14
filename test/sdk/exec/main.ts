import { runExec } from '../../../src/cli/exec.ts'
import { world } from './world.ts'

/** `exec` with the server that the test names: `main.ts <url> <data folder> <command> …`. Says when it lets go of it. */
const [url = '', dataDir = '', ...command] = process.argv.slice(2)
process.exitCode = await runExec(command, {
  ...world,
  dataDir,
  environment: process.env,
  connectOrStart: async () => ({
    url,
    accountSid: `AC${'a'.repeat(32)}`,
    authToken: 'b'.repeat(32),
    serviceSid: `VA${'c'.repeat(32)}`,
    close: async () => console.error('server let go'),
  }),
})
