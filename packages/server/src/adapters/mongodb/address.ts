import { Failure } from '../../ports/failure.ts'

/** What may stand in front of the path: one or more hosts, and credentials perhaps. */
const URL = /^mongodb(?:\+srv)?:\/\/(?:[^/?@]*@)?([^/?@]+)(?:\/([^?]*))?(?:\?.*)?$/

/** Where a URL leads: the hosts as they stand there, for messages, and the database. Throws a Failure of class operator. */
export function addressOf(url: string): { readonly hosts: string; readonly database: string } {
  const [, hosts, path = ''] = URL.exec(url) ?? []
  if (hosts === undefined)
    throw new Failure(
      'operator',
      'the URL of the store is none of MongoDB: write mongodb://host:port/database, several hosts with commas between them, or mongodb+srv://name/database',
    )
  const database = decoded(path) ?? 'holdfast'
  if (/[/\\. "$*<>:|?\0]/.test(database))
    // Not repeated here: it may be the end of a password with a slash in it.
    throw new Failure(
      'operator',
      'the URL of the store names a database that MongoDB does not allow: its path is one word, and characters such as / in a password are written as %2F',
    )
  return { hosts, database }
}

function decoded(path: string): string | undefined {
  try {
    return path === '' ? undefined : decodeURIComponent(path)
  } catch {
    return path
  }
}
