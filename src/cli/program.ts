import { Command, CommanderError } from 'commander'
import { declareAccountCommands } from './account-commands.ts'
import type { Behaviour, Declare } from './declare.ts'
import { run, type Shell } from './shell.ts'
import { readVersion } from './version.ts'

/** Runs one command line, `arguments` without Node and the script; resolves to its exit status. */
export async function runProgram(shell: Shell, args: readonly string[]): Promise<number> {
  let status = 0
  const program = new Command('countersign')
    .description('A self-hosted verification server that speaks the Twilio Verify v2 protocol.')
    .version(readVersion())
    .configureOutput({
      writeOut: (text) => shell.out(text.trimEnd()),
      writeErr: (text) => shell.err(text.trimEnd()),
    })
    .enablePositionalOptions()
    .exitOverride()
    .addHelpText(
      'after',
      `
Begin with: countersign serve
It needs no configuration. Settings are environment variables or countersign.yaml: docs/configuration.md.`,
    )

  const group: Declare['group'] = (name, about, parent = program) => parent.command(name).description(about)

  /** Declares a command. Its file, and what that imports, is loaded only when it is the one that runs. */
  function command(parent: Command, usage: string, about: string, load: () => Promise<Behaviour>): Command {
    return parent
      .command(usage)
      .description(about)
      .action(async (...given: unknown[]) => {
        // Commander gives the arguments, then the options, then the command itself.
        const [options, args] = [given.at(-2) as never, given.slice(0, -2) as never[]]
        const behaviour = await load()
        status = await run(shell, (shell) => behaviour(shell, options, ...args))
      })
  }
  /** One whose result `--json` prints for programs. */
  const query: Declare['query'] = (...declaration) =>
    command(...declaration).option('--json', 'print JSON, for programs')

  command(program, 'serve', 'serve until SIGTERM or SIGINT', async () => (await import('./serve.ts')).serve)
  command(
    program,
    'exec <command...>',
    'run a command whose requests to Twilio reach this server instead',
    async () => (await import('./exec-command.ts')).execCommand,
  )
    .usage('-- <command> [arguments...]')
    .passThroughOptions()
  query(
    program,
    'migrate',
    "bring the database to this version's tables, as serve does when it starts",
    async () => (await import('./migrate.ts')).migrateDatabase,
  )

  const backups = () => import('./backup.ts')
  query(
    program,
    'backup <file>',
    'copy the SQLite database into a file, while the server serves',
    async () => (await backups()).backUp,
  )
  query(
    program,
    'restore <file>',
    'put a backup in the place of the SQLite database, after a check; no server may run',
    async () => (await backups()).restore,
  ).option('--force', 'replace the database that is there; it is kept beside')

  query(
    program,
    'doctor',
    'look at settings, database, disk, keys, certificate, carriers; say what is wrong and what to do',
    async () => (await import('./doctor.ts')).examineAll,
  )

  declareAccountCommands({ group, query })

  const masterKeys = () => import('./master-key.ts')
  const masterKey = group('master-key', 'the keys that seal secrets in the database')
  query(
    masterKey,
    'status',
    'print which keys there are, which one seals, and which nodes have them',
    async () => (await masterKeys()).showMasterKeys,
  )
  query(
    masterKey,
    'add',
    "add a key to this node's key file: a new one, or another node's",
    async () => (await masterKeys()).addMasterKey,
  ).option('--from <file>', 'the key file of another node; - reads standard input')
  query(
    masterKey,
    'activate <id>',
    'have all nodes seal with it; refused until each of them has it',
    async () => (await masterKeys()).activateMasterKey,
  )
  query(
    masterKey,
    'retire <id>',
    "drop it from this node's key file; refused while anything is sealed with it",
    async () => (await masterKeys()).retireMasterKey,
  )

  const services = () => import('./service.ts')
  const service = group('service', 'Verify services of the first account')
  query(service, 'list', 'print sid and name of each', async () => (await services()).listServices)
  query(
    service,
    'create <friendly-name>',
    'make one and print its sid',
    async () => (await services()).createService,
  )

  const audits = () => import('./audit.ts')
  const audit = group('audit', 'what was changed and who logged in')
  query(
    audit,
    'head',
    'print the head of the chain, to be kept elsewhere',
    async () => (await audits()).showHead,
  )
  query(
    audit,
    'verify',
    'check that no event was changed, put in or taken out',
    async () => (await audits()).verifyAudit,
  ).option('--head <n:mac>', 'that was kept: tells whether the newest events were cut off')
  query(
    audit,
    'export',
    'print all events, oldest first, one line of JSON each',
    async () => (await audits()).exportAudit,
  ).option('--since <date>', 'those since then, as 2026-11-20 or 2026-11-20T12:00:00Z')

  try {
    // Who says nothing asks what there is to say.
    await program.parseAsync(args.length === 0 ? ['--help'] : args, { from: 'user' })
  } catch (error) {
    // Commander has said what there is to say: help, version, or what it did not understand.
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode
  }
  return status
}
