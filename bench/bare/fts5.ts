// The least a process can do that finds what a search finds: the words looked up in the same FTS5 table over node:sqlite, the newest first,
// with the places where they stand. It is given the search.db that a server has filled. It serves nobody, knows of no members and rights, and
// reads no text.
import { DatabaseSync } from 'node:sqlite'

export interface Query {
  readonly words: readonly string[]
  /** Whether of the last word only the beginning is given. */
  readonly isPrefix: boolean
  /** undefined for all. */
  readonly room: string | undefined
}

export interface Question {
  readonly queries: readonly Query[]
  readonly hitsMax: number
}

export interface Answer {
  /** Of each query. */
  readonly ms: readonly number[]
  /** When the messages found by each were stored, the newest first. */
  readonly at: readonly (readonly number[])[]
  /** Of CPU, of this process, for all of them. */
  readonly cpuSeconds: number
}

const [file = ''] = process.argv.slice(2)
const database = new DatabaseSync(file, { readOnly: true })
// As much as the server has.
database.exec('PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY')
const find = database.prepare(
  `SELECT places.room, places.seq, places.at FROM words JOIN places ON places.row = words.rowid
   WHERE words MATCH ? ORDER BY words.rowid DESC LIMIT ?`,
)

function run({ queries, hitsMax }: Question): Answer {
  const [ms, at]: [number[], number[][]] = [[], []]
  const cpuBefore = process.cpuUsage()
  for (const query of queries) {
    const begun = performance.now()
    const rows = find.all(matchOf(query), hitsMax)
    ms.push(performance.now() - begun)
    at.push(rows.map((row) => Number(row.at)))
  }
  const { user, system } = process.cpuUsage(cpuBefore)
  return { ms, at, cpuSeconds: (user + system) / 1e6 }
}

/** As the server writes them: a room is one token, of its bytes in hexadecimal. */
function matchOf({ words, isPrefix, room }: Query): string {
  const terms = words.map((word, i) => `tokens : "${word}"${isPrefix && i === words.length - 1 ? ' *' : ''}`)
  if (room !== undefined) terms.push(`room : "${Buffer.from(room).toString('hex')}"`)
  return terms.join(' AND ')
}

process.on('message', (question: Question) => process.send?.(run(question)))
process.on('disconnect', () => process.exit(0))
process.send?.({ ready: true })
