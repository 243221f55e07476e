import type { Entry } from '@holdfast/protocol'

/** What happened, in a sentence; empty for kinds that a newer server may have. */
export function eventText(entry: Exclude<Entry, { kind: 'message' }>, me: string): string {
  const who = entry.sender === me ? 'You' : entry.sender
  switch (entry.kind) {
    case 'room_created':
      return entry.roomKind === 'direct'
        ? `${who} opened this room`
        : `${who} created ${entry.name ?? 'this room'}${withOthers(entry.members, entry.sender, me)}`
    case 'member_added':
      return entry.user === entry.sender ? `${who} joined` : `${who} added ${entry.user === me ? 'you' : entry.user}`
    case 'member_removed':
      return entry.user === entry.sender ? `${who} left` : `${who} removed ${entry.user === me ? 'you' : entry.user}`
  }
  entry satisfies never
  return ''
}

const namesMax = 5
const and = new Intl.ListFormat('en-GB', { type: 'conjunction' })

/** Who was in it from the start, oneself first; the creator is named already. */
function withOthers(members: readonly string[], sender: string, me: string): string {
  const others = [...new Set(members)].filter((user) => user !== sender && user !== me)
  const all = me !== sender && members.includes(me) ? ['you', ...others] : others
  if (all.length === 0) return ''
  const rest = all.length - namesMax
  const names = rest > 1 ? [...all.slice(0, namesMax), `${rest} others`] : all
  return ` with ${and.format(names)}`
}
