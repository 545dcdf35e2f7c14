import { systemClock, systemRandom } from '../context.ts'
import { connectOrStart } from './connect.ts'
import { runExec } from './exec.ts'
import { readConfig, type Shell } from './shell.ts'

/** `exec` with the world of this process and the server of this data directory. */
export async function execCommand(
  shell: Shell,
  _options: object,
  command: readonly string[],
): Promise<number> {
  const config = await readConfig(shell)
  return runExec(command, {
    dataDir: config.dataDir,
    environment: shell.env,
    clock: systemClock,
    random: systemRandom,
    connectOrStart: () => connectOrStart(config),
  })
}
