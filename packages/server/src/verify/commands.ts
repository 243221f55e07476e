import { type Command, decodeCommand } from '../core/command.ts'
import type { StoredRecord } from '../ports/log.ts'
import type { Document } from '../ports/store.ts'
import { wrong } from './report.ts'
import { type Look, partitionsOf, records } from './verify.ts'

/** I1 and I2: everything that the worker is done with, as far as the log is kept, has its end, and says what was sent. */
export async function verifyCommands(look: Look): Promise<void> {
  for (const partition of partitionsOf(look.verified.commands)) await verifyPartition(look, partition)
}

async function verifyPartition(look: Look, partition: number): Promise<void> {
  const { verified, report, progress } = look
  const { commands, groups, timeline } = verified
  const committed = (await commands.committed(groups.worker, partition)) ?? 0
  const { begin, end } = await commands.range(partition)
  report.examined('epochs')
  if (committed > end) {
    const text = `${committed} is committed, but the log ends at ${end}: it was cut off or restored. An operator has to decide`
    report.add(wrong('epochs', text, { partition, offset: committed }))
  }
  // The store says that it is done before the log hears of it; the other way round the store is the older one, or a worker that had been
  // taken over came late and set it back, which harms nothing: then nothing is lost (R8, R9).
  const settled = (await timeline.settled(partition))?.next ?? 0
  let hasLost = settled < committed && settled < begin
  for await (const piece of records(commands, partition, committed)) {
    for (const offset of await verifyRecords(look, piece)) if (offset >= settled) hasLost = true
    progress(`commands: ${report.checks.lost.examined.toLocaleString('en-US')} of the log`)
  }
  if (settled < committed && hasLost) {
    const text = `the store is done up to ${settled}, the log up to ${committed}: the store was restored. The next start rewinds and raises the epoch`
    report.add(wrong('epochs', text, { partition, offset: settled }))
  }
}

interface Sought {
  readonly record: StoredRecord
  readonly room: string
  readonly id: string
  readonly command: Command | undefined
}

/** Returns the offsets of those that have no end. */
async function verifyRecords({ verified, report }: Look, piece: readonly StoredRecord[]): Promise<readonly number[]> {
  const sought = piece.map((record): Sought => {
    const decoded = decodeCommand(verified.sha256, record)
    if (decoded.result === 'command')
      return { record, room: decoded.command.room, id: decoded.command.id, command: decoded.command }
    // What nobody can read is dead under the place it stood in.
    const { partition, offset } = record
    return {
      record,
      room: `!dead/${partition}`,
      id: `${verified.commands.name}/${partition}/${offset}`,
      command: undefined,
    }
  })
  const found = await verified.timeline.find(sought.map(({ room, id }) => ({ room, id })))
  for (const one of sought) judge(one, found.get(one.id), report)
  return sought.flatMap(({ id, record }) => (found.has(id) ? [] : [record.offset]))
}

function judge({ record, room, id, command }: Sought, document: Document | undefined, report: Look['report']): void {
  const { partition, offset } = record
  report.examined('lost')
  if (document === undefined) {
    report.add(wrong('lost', 'was accepted, and is neither stored nor claimed', { room, id, partition, offset }))
    return
  }
  // Another digest is another command under a used id: it was refused, and leaves nothing behind.
  if (command === undefined || document.end !== 'stored' || document.digest !== command.digest) return
  report.examined('altered')
  if (isSaid(document, command)) return
  report.add(
    wrong('altered', 'says something else than its command in the log', {
      room,
      id,
      seq: document.seq,
      partition,
      offset,
    }),
  )
}

function isSaid(document: Document & { end: 'stored' }, { content, sender, room, at }: Command): boolean {
  const isSame =
    content.kind !== 'message' || (document.content.kind === 'message' && document.content.text === content.text)
  return (
    isSame &&
    document.content.kind === content.kind &&
    document.sender === sender &&
    document.room === room &&
    (at === undefined || at === document.at)
  )
}
