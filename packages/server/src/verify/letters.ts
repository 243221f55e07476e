import type { LetterDocument } from '../ports/store.ts'
import { waiting, wrong } from './report.ts'
import type { Look } from './verify.ts'

const LETTERS_MAX = 200

/** Each letter has the claim that says its command is dead; an open one waits for an operator. */
export async function verifyLetters(look: Look): Promise<void> {
  const { verified, report, progress } = look
  let cursor: string | undefined
  do {
    const page = await verified.letters.list(undefined, cursor, LETTERS_MAX)
    await verifyPage(look, page.items)
    report.totals.letters += page.items.length
    progress(`dead letters: ${report.totals.letters.toLocaleString('en-US')}`)
    cursor = page.next
  } while (cursor !== undefined)
}

async function verifyPage({ verified, report }: Look, letters: readonly LetterDocument[]): Promise<void> {
  const keys = letters.map(({ room, id, origin }) => ({ room: room ?? `!dead/${origin.partition}`, id }))
  const claims = await verified.timeline.find(keys)
  for (const [i, { id, state, code, reason }] of letters.entries()) {
    const room = keys[i]?.room ?? ''
    report.examined('dead')
    if (claims.get(id)?.end !== 'dead')
      report.add(wrong('dead', 'has a letter, and no claim that it is dead', { room, id }))
    if (state === 'open') report.add(waiting('dead', `${code}: ${reason}`, { room, id }))
  }
}
