import type { ConnectionState, Entry } from '@holdfast/client'
import { Avatar } from './avatar.tsx'
import type { Chat, RoomSummary } from './chat.ts'
import { eventText } from './events.ts'
import { shortName } from './format.ts'
import { Mark, NewWindow, Plus, SignOut, Warning } from './icons.tsx'
import { addressOf } from './route.ts'
import type { MessageSearch } from './search.ts'
import { SearchBox } from './search-box.tsx'
import { SearchResults } from './search-results.tsx'
import { countName, type Unread } from './unread.ts'

interface Props {
  readonly chat: Chat
  readonly search: MessageSearch
  readonly open: string | undefined
  /** What has just happened to the list. */
  readonly notice: string | undefined
  readonly onCreate: () => void
  readonly onSignOut: () => void
}

export function Sidebar({ chat, search, open, notice, onCreate, onSignOut }: Props) {
  return (
    <aside class="sidebar" aria-label="Rooms">
      <header class="bar">
        <Mark />
        <h1 class="brand">Holdfast</h1>
        <button type="button" class="icon-button" onClick={onCreate} aria-label="New room" title="New room">
          <Plus />
        </button>
      </header>
      <SearchBox chat={chat} search={search} />
      {search.isOpen ? (
        <SearchResults chat={chat} search={search} />
      ) : (
        <Rooms chat={chat} open={open} notice={notice} onCreate={onCreate} />
      )}
      <footer class="me">
        <Avatar name={chat.user} />
        <div class="me-text">
          <strong class="one-line">{chat.user}</strong>
          <Connection state={chat.connection} isSpoken={open === undefined} />
        </div>
        <a
          class="icon-button"
          href="/"
          target="_blank"
          rel="noopener"
          aria-label="Open a second window as somebody else"
          title="Open a second window as somebody else"
        >
          <NewWindow />
        </a>
        <button type="button" class="icon-button" onClick={onSignOut} aria-label="Sign out" title="Sign out">
          <SignOut />
        </button>
      </footer>
    </aside>
  )
}

function Rooms({ chat, open, notice, onCreate }: Pick<Props, 'chat' | 'open' | 'notice' | 'onCreate'>) {
  const rooms = chat.list()
  return (
    <nav class="rooms" aria-label="Your rooms">
      <p class="quiet rooms-notice" role="status">
        {notice}
      </p>
      {rooms.length === 0 && (
        <p class="quiet rooms-empty">{chat.isReady ? 'No rooms yet.' : 'Looking for your rooms…'}</p>
      )}
      <ul>
        {rooms.map((summary) => (
          <RoomLink key={summary.room} summary={summary} me={chat.user} isOpen={summary.room === open} />
        ))}
      </ul>
      {chat.isReady && rooms.length === 0 && (
        <button type="button" class="button primary rooms-first" onClick={onCreate}>
          <Plus /> Start one
        </button>
      )}
    </nav>
  )
}

const CONNECTION: Readonly<Record<ConnectionState, { readonly name: string; readonly tone: string }>> = {
  connecting: { name: 'Connecting…', tone: 'between' },
  live: { name: 'Live', tone: 'good' },
  waiting: { name: 'Offline – will reconnect', tone: 'away' },
  closed: { name: 'Signed out', tone: 'away' },
}

interface ConnectionProps {
  readonly state: ConnectionState
  /** Whether a screen reader says its changes: of two on the page, one does. */
  readonly isSpoken: boolean
}

export function Connection({ state, isSpoken }: ConnectionProps) {
  const { name, tone } = CONNECTION[state]
  return (
    <span class={`connection ${tone}`} role={isSpoken ? 'status' : undefined} data-connection={state}>
      {name}
    </span>
  )
}

interface RoomLinkProps {
  readonly summary: RoomSummary
  readonly me: string
  readonly isOpen: boolean
}

function RoomLink({ summary, me, isOpen }: RoomLinkProps) {
  const { room, title, about, newest, unread, hasFailed } = summary
  const isNew = unread.unread !== 'none' && !isOpen
  return (
    <li>
      <a
        class={`room${isNew ? ' room-new' : ''}`}
        href={addressOf(room)}
        aria-current={isOpen ? 'page' : undefined}
        data-room={room}
      >
        <Avatar name={title} group={about.kind === 'group'} />
        <span class="room-title one-line">{title}</span>
        <span class="room-time quiet">{newest === undefined ? '' : shortName(newest.at, Date.now())}</span>
        <span class="room-below">
          <span class="room-preview one-line quiet">
            {newest === undefined ? '\u00a0' : preview(newest, me, about.kind === 'group')}
          </span>
          {hasFailed && <Failed />}
          {!isOpen && <UnreadMark unread={unread} />}
        </span>
      </a>
    </li>
  )
}

function Failed() {
  return (
    <span class="room-failed problem" title="A message could not be stored">
      <Warning />
      <span class="unseen">A message could not be stored.</span>
    </span>
  )
}

export function UnreadMark({ unread }: { readonly unread: Unread }) {
  if (unread.unread === 'none') return null
  if (unread.unread === 'new') {
    return (
      <span class="badge badge-dot">
        <span class="unseen">New</span>
      </span>
    )
  }
  return (
    <span class="badge">
      {countName(unread.count)}
      <span class="unseen"> new</span>
    </span>
  )
}

function preview(entry: Entry, me: string, isGroup: boolean): string {
  if (entry.kind !== 'message') return eventText(entry, me)
  if (entry.sender === me) return `You: ${entry.text}`
  return isGroup ? `${entry.sender}: ${entry.text}` : entry.text
}
