import type { Entry } from '@holdfast/protocol'

/** What happened, in a sentence; empty for kinds that a newer server may have. */
export function eventText(entry: Exclude<Entry, { kind: 'message' }>, me: string): string {
  const who = entry.sender === me ? 'You' : entry.sender
  switch (entry.kind) {
    case 'room_created':
      return entry.roomKind === 'direct'
        ? `${who} began this conversation`
        : `${who} created ${entry.name ?? 'this group'}`
    case 'member_added':
      return entry.user === entry.sender ? `${who} joined` : `${who} added ${entry.user === me ? 'you' : entry.user}`
    case 'member_removed':
      return entry.user === entry.sender ? `${who} left` : `${who} removed ${entry.user === me ? 'you' : entry.user}`
  }
  entry satisfies never
  return ''
}
