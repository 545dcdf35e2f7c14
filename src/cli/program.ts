import { Command, CommanderError } from 'commander'
import { run, type Shell } from './shell.ts'
import { readVersion } from './version.ts'

/** Runs one command line, `arguments` without Node and the script; resolves to its exit status. */
export async function runProgram(shell: Shell, args: readonly string[]): Promise<number> {
  let status = 0
  /** Each command's file, and what it imports, is loaded only when it is the one that runs. */
  const action = (command: () => Promise<(shell: Shell) => Promise<number>>) => async () => {
    status = await run(shell, await command())
  }

  const program = new Command('countersign')
    .description('A self-hosted verification server that speaks the Twilio Verify v2 protocol.')
    .version(readVersion())
    .configureOutput({
      writeOut: (text) => shell.out(text.trimEnd()),
      writeErr: (text) => shell.err(text.trimEnd()),
    })
    .enablePositionalOptions()
    .exitOverride()
    .addHelpText('after', '\nSettings are environment variables or countersign.yaml: docs/configuration.md.')

  program
    .command('serve')
    .description('serve until SIGTERM or SIGINT')
    .action(action(async () => (await import('./serve.ts')).serve))

  program
    .command('exec')
    .description('run a command whose requests to Twilio reach this server instead')
    .usage('-- <command> [arguments...]')
    .argument('<command...>')
    .passThroughOptions()
    .action((command: string[]) =>
      action(async () => {
        const { execCommand } = await import('./exec-command.ts')
        return (shell) => execCommand(shell, command)
      })(),
    )

  program
    .command('migrate')
    .description("bring the database to this version's tables, as serve does when it starts")
    .action(action(async () => (await import('./migrate.ts')).migrateDatabase))

  const token = program.command('token').description("the first account's Auth Token")
  token
    .command('show')
    .description('print account sid and Auth Token')
    .action(action(async () => (await import('./token.ts')).showToken))

  const service = program.command('service').description('Verify services')
  service
    .command('list')
    .description('print sid and name of each')
    .action(action(async () => (await import('./service.ts')).listServices))
  service
    .command('create')
    .description('make one and print its sid')
    .argument('<friendly-name>')
    .action((friendlyName: string) =>
      action(async () => {
        const { createService } = await import('./service.ts')
        return (shell) => createService(shell, friendlyName)
      })(),
    )

  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    // Commander has said what there is to say: help, version, or what it did not understand.
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode
  }
  return status
}
