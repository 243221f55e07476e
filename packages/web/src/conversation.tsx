import { useEffect, useRef, useState } from 'preact/hooks'
import type { Chat, RoomView } from './chat.ts'
import { Composer } from './composer.tsx'
import { Back, People as PeopleIcon, Search } from './icons.tsx'
import { type FoundMembers, People, useMembers } from './people.tsx'
import { goTo } from './route.ts'
import { Connection, UnreadMark } from './sidebar.tsx'
import { TimelineView } from './timeline-view.tsx'
import type { Unread } from './unread.ts'

interface Props {
  readonly chat: Chat
  readonly view: RoomView
  /** What the other rooms have new. */
  readonly elsewhere: Unread
  /** Whoever was led to a message goes on with what was found. */
  readonly isLed: boolean
  readonly getToken: () => Promise<string>
  readonly onSearch: () => void
  readonly onLeft: () => void
}

/** One room: who is in it, what was said, and where to say more. */
export function Conversation({ chat, view, elsewhere, isLed, getToken, onSearch, onLeft }: Props) {
  const [showsPeople, setShowsPeople] = useState(false)
  const found = useMembers(chat, view, getToken)
  return (
    <>
      <header class="bar">
        <button type="button" class="icon-button only-narrow back" onClick={() => goTo(undefined)}>
          <Back />
          <span class="unseen">Back to your rooms </span>
          <UnreadMark unread={elsewhere} />
        </button>
        <div class="bar-title">
          <h2 class="one-line">{view.title}</h2>
          <p class="quiet small one-line">{subtitle(view, found, chat.user)}</p>
        </div>
        <button
          type="button"
          class="icon-button"
          onClick={onSearch}
          aria-label="Search in this room"
          title="Search in this room"
        >
          <Search />
        </button>
        <button type="button" class="button" onClick={() => setShowsPeople(true)} aria-label="People">
          <PeopleIcon /> <span class="only-wide">People</span>
        </button>
      </header>
      <TimelineView chat={chat} view={view} isLed={isLed} />
      <Announcer view={view} me={chat.user} />
      <div class={chat.connection === 'live' ? 'unseen' : 'strip'}>
        <Connection state={chat.connection} isSpoken />
      </div>
      {view.isMember || view.about === undefined ? (
        <Composer
          key={view.room}
          me={chat.user}
          room={view.room}
          title={view.title}
          takesFocus={!isLed}
          onSend={(text) => chat.send(view.room, text)}
        />
      ) : (
        <p class="composer-closed quiet">You are not in this room any more.</p>
      )}
      {showsPeople && (
        <People chat={chat} view={view} found={found} onClose={() => setShowsPeople(false)} onLeft={onLeft} />
      )}
    </>
  )
}

const namesMax = 3

function subtitle({ about }: RoomView, { members, more }: FoundMembers, me: string): string {
  if (about === undefined) return ''
  if (about.kind === 'direct') return 'Just the two of you'
  if (members.length === 0) return `${about.memberCount} people`
  const others = members.map(({ user }) => user).filter((user) => user !== me)
  if (others.length === 0) return 'Only you so far'
  const rest = others.length - namesMax
  const names = ['You', ...others.slice(0, namesMax)].join(', ')
  return rest > 0 ? `${names} and ${rest}${more ? ' or more' : ''} others` : names
}

/** Says new messages of others aloud, where a screen reader listens. Old ones that are paged in stay silent. */
function Announcer({ view, me }: { readonly view: RoomView; readonly me: string }) {
  const newest = view.entries.at(-1)
  const heard = useRef(view.head)
  const [said, setSaid] = useState('')
  useEffect(() => {
    if (newest === undefined || newest.seq <= heard.current) return
    heard.current = newest.seq
    if (newest.kind === 'message' && newest.sender !== me) setSaid(`${newest.sender}: ${newest.text}`)
  }, [newest, me])
  return (
    <p class="unseen" aria-live="polite">
      {said}
    </p>
  )
}
