import { dirname } from 'node:path'

/** What a process behind the wall is given of this machine. */
export interface Box {
  /** Absolute folders that it may read, at the same places. */
  readable: readonly string[]
  /** The one folder that it may change. */
  writable: string
  /** Whether what it writes stays there. Else that folder is a new one in memory, which holds `SCRATCH_MB`. */
  keeps: boolean
  /** Whether it keeps the machine's network. */
  network: boolean
}

/** The programs that build the wall, as absolute paths. */
export type Tools = Readonly<Record<(typeof TOOLS)[number], string>>
export const TOOLS = ['sh', 'mount', 'unshare', 'setsid', 'setpriv'] as const

export interface Masonry {
  tools: Tools
  /** Folders of the system that programs need to start. */
  system: readonly string[]
  /** An empty folder, on which each process gets a root of its own. */
  root: string
  /** Another user of this machine; without it the process stays ours, in a user name-space. */
  uid?: number
  /** Not to be had where a container covers parts of /proc. */
  proc: boolean
}

/** So that who writes without end fills no disk that the server needs. */
export const SCRATCH_MB = 64
const SCRATCH_FILES = 4_096
/** Tasks, that is threads; Node starts with about a dozen, npm with some more. */
const MAX_TASKS = 256
/** What the kernel keeps for open sockets, nobody counts as a process's memory. */
const MAX_FILES = 512
/** Far above what is allowed, for what grows faster than it is looked at. */
const MAX_DATA_MB = 1_024
const NAMESPACES = ['--mount', '--pid', '--ipc', '--uts', '--fork', '--kill-child', '--propagation=private']
/** Dead as soon as who started it is. */
const MORTAL = '--pdeathsig=KILL'

/**
 * Runs inside the new name-spaces, still with all rights. The process limit is `u` to most shells and `p` to some. The
 * list of mounts lies on a file system of its own, which its first line covers. `mount` is told to look at nothing but
 * the list (-n -i -c): that makes it five times as fast. Lower limits than ours are left.
 */
const SCRIPT = `set -e
umask 022
ulimit -c 0
ulimit -n ${MAX_FILES} 2>/dev/null || true
ulimit -d ${MAX_DATA_MB * 1024} 2>/dev/null || true
ulimit -u ${MAX_TASKS} 2>/dev/null || ulimit -p ${MAX_TASKS}
mount=$1 root=$2 list=$3
shift 3
"$mount" -n -i -t tmpfs -o size=64k,mode=0700 list "$root"
printf '%s\\n' "$list" >"$root/list"
"$mount" -a -n -i -c -T "$root/list"
exec "$@"`

/**
 * The command line that runs `argv` behind the wall: in a root that holds only what the box names, without any right
 * beyond its user's, and without a way to get one.
 */
export function composeCommand(argv: readonly string[], box: Box, masonry: Masonry): string[] {
  const { tools, root, uid } = masonry
  const isolate = [tools.unshare, ...NAMESPACES, ...(box.network ? [] : ['--net'])]
  const user = uid === undefined ? [] : [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups']
  return [
    ...[tools.setpriv, MORTAL],
    ...[...isolate, ...(uid === undefined ? ['--user', '--map-root-user'] : [])],
    ...[tools.sh, '-c', SCRIPT, 'wall', tools.mount, root, listMounts(box, masonry)],
    ...[tools.unshare, `--root=${root}`, `--wd=${box.writable}`],
    // Its own session: a signal to its process group would reach ours.
    tools.setsid,
    ...[tools.setpriv, MORTAL, ...user, '--no-new-privs', '--bounding-set=-all', '--inh-caps=-all'],
    ...argv,
  ]
}

/** As in fstab(5). What lies in another folder comes after it. */
function listMounts({ readable, writable, keeps }: Box, { system, root, proc, uid = 0 }: Masonry): string {
  const scratch = `size=${SCRATCH_MB}m,nr_inodes=${SCRATCH_FILES},mode=0700,uid=${uid},gid=${uid}`
  const entries = [
    ...system.map((path) => [path, 'none', 'bind,ro,nosuid,nodev'] as const),
    ...readable.map((path) => [path, 'none', 'bind,ro,nosuid,nodev,noexec'] as const),
    [writable, keeps ? 'none' : 'tmpfs', `${keeps ? 'bind' : scratch},nosuid,nodev,noexec`] as const,
  ]
  const within = new Set(system)
  const mounts = entries
    .filter(([path], at) => at < system.length || !isWithin(path, within))
    .sort(([a], [b]) => a.length - b.length)
    .map(([path, type, options]) => entry(path, root + path, type, `${options},x-mount.mkdir`))
  return [
    entry('root', root, 'tmpfs', 'size=64k,nr_inodes=256,mode=0755,nosuid,nodev'),
    ...(proc ? [entry('proc', `${root}/proc`, 'proc', 'ro,nosuid,nodev,noexec,x-mount.mkdir')] : []),
    ...mounts,
  ].join('\n')
}

const entry = (...[what, where, type, options]: [string, string, string, string]) =>
  `${encode(what)} ${encode(where)} ${type} ${options}`

/** Blanks end a field, a backslash begins an octal number. */
const encode = (path: string) =>
  path.replace(/[\s\\#]/g, (sign) => `\\${sign.charCodeAt(0).toString(8).padStart(3, '0')}`)

/** Whether a folder, or one above it, is in the list. */
export function isWithin(path: string, folders: ReadonlySet<string>): boolean {
  return folders.has(path) || (dirname(path) !== path && isWithin(dirname(path), folders))
}
