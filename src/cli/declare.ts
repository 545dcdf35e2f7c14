import type { Command } from 'commander'
import type { Shell } from './shell.ts'

/** What a command's file exports; its options and arguments are those that its declaration names. */
export type Behaviour = (shell: Shell, options: never, ...args: never[]) => Promise<number>

/** How commands are declared. Their files are loaded only when they run. */
export interface Declare {
  /** A word that others come after. */
  group(name: string, about: string, parent?: Command): Command
  /** A command whose result `--json` prints for programs. */
  query(parent: Command, usage: string, about: string, load: () => Promise<Behaviour>): Command
}
