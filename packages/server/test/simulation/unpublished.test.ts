import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sha256 } from '../../src/adapters/system/sha256.ts'
import { type Command, command, encodeCommand } from '../../src/core/command.ts'
import { epochRecord, storedRecord } from '../../src/core/feed.ts'
import type { LogRecord, Offset } from '../../src/ports/log.ts'
import type { EntryDocument } from '../../src/ports/store.ts'
import type { Backup } from './store.ts'
import { unpublishedSince } from './unpublished.ts'

const [FIRST, SECOND] = ['first', 'second'].map((clientId) =>
  command(sha256, {
    room: 'lobby',
    sender: 'anna',
    clientId,
    authority: 'member',
    at: undefined,
    content: { kind: 'message', text: clientId },
    replay: 0,
  }),
) as [Command, Command]
const ENTRIES = [FIRST, SECOND].map(entryOf)

test('[SIM39] an entry that the backup lacks is named, unless the feed or the commit tells of something that is gone', () => {
  const taken = [{ room: 'lobby', epoch: 1, seq: 2, id: SECOND.id }]
  const published = ENTRIES.map((entry) => storedRecord(entry, 1))
  assert.deepEqual(taking(published.slice(0, 1), 1), taken)
  assert.deepEqual(taking([], undefined), taken)
  assert.deepEqual(taking(published, 1), [])
  assert.deepEqual(taking([...published.slice(0, 1), epochRecord(2)], 1), [])
  assert.deepEqual(taking(published.slice(0, 1), 2), [])
})

/** What is named where the backup has the first entry only. */
function taking(feed: readonly LogRecord[], committed: Offset | undefined) {
  const backup: Backup = {
    documents: ENTRIES.slice(0, 1),
    rooms: new Map(),
    letters: [],
    settled: [undefined],
    epochs: [1],
  }
  const records = { feed, commands: [FIRST, SECOND].map((one) => encodeCommand(one)), deadLetters: [] }
  return unpublishedSince(backup, ENTRIES, {
    records: (log) => records[log].map((record, offset) => ({ ...record, partition: 0, offset, timestamp: 0 })),
    committed: () => committed,
  })
}

function entryOf({ id, room, sender, digest, content }: Command, origin: Offset): EntryDocument {
  return { end: 'stored', id, room, seq: origin + 1, sender, at: 0, digest, origin, content }
}
