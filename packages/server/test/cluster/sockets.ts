import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** The connections of a process to these ports, by what tells one from another: the same again are the same connections. Linux only. */
export function connectionsOf(pid: number, ports: readonly number[]): ReadonlySet<string> {
  const own = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap(
      (fd) => /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1] ?? [],
    ),
  )
  const lines = ['tcp', 'tcp6'].flatMap((table) => readFileSync(`/proc/${pid}/net/${table}`, 'latin1').split('\n'))
  return new Set(
    lines.flatMap((line) => {
      // Local address, remote address and state as hexadecimal, and six fields later the inode.
      const [, , remote = '', , , , , , , inode = ''] = line.trim().split(/\s+/)
      const port = Number.parseInt(remote.split(':')[1] ?? '', 16)
      return own.has(inode) && ports.includes(port) ? [inode] : []
    }),
  )
}

/** Empty for one that was closed meanwhile. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
