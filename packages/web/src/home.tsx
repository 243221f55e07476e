import { useEffect, useLayoutEffect, useMemo, useReducer, useState } from 'preact/hooks'
import type { Chat } from './chat.ts'
import { Conversation } from './conversation.tsx'
import { Mark, NewWindow, Plus } from './icons.tsx'
import { NewRoom } from './new-room.tsx'
import { goTo, useRoute } from './route.ts'
import { MessageSearch } from './search.ts'
import { focusSearch } from './search-box.tsx'
import { Sidebar } from './sidebar.tsx'
import { countName, type Unread } from './unread.ts'

interface Props {
  readonly chat: Chat
  readonly getToken: () => Promise<string>
  readonly onSignOut: () => void
}

/** Two panes, or one of them where there is no place for two. */
export function Home({ chat, getToken, onSignOut }: Props) {
  useChanges(chat)
  const search = useMemo(() => new MessageSearch({ find: (words, options) => chat.search(words, options) }), [chat])
  useChanges(search)
  const place = useRoute()
  const room = place?.room
  const [isCreating, setCreating] = useState(false)
  const [notice, setNotice] = useState<string>()
  const [isSeeking, setSeeking] = useState(false)
  // What was left is old news in the next room.
  useEffect(() => {
    if (room !== undefined) setNotice(undefined)
  }, [room])
  // Before anything in the room's view counts as seen: what is new is measured from here.
  useLayoutEffect(() => chat.open(room), [chat, room])

  useEffect(() => {
    if (place?.seq !== undefined) void chat.show(place.room, place.seq)
  }, [chat, place])

  const seek = () => {
    // At once, so that whoever types on loses nothing. What a dialog covers is not to be left, nor to be typed into.
    if (focusSearch() || document.querySelector('dialog:modal') !== null) return
    // Where there is place for one pane only, the field is in the other, which comes a moment later.
    setSeeking(true)
    goTo(undefined)
  }
  useShortcut(seek)
  useLayoutEffect(() => {
    if (isSeeking && focusSearch()) setSeeking(false)
  }, [isSeeking, room])

  const view = room === undefined ? undefined : chat.view(room)
  const isOurs = view !== undefined && (view.isMember || view.about !== undefined || view.pending.length > 0)
  const elsewhere = chat.unreadElsewhere()
  const title = `${titleMark(elsewhere)}${isOurs ? view?.title : chat.user} · Holdfast`
  useEffect(() => {
    document.title = title
  }, [title])

  return (
    <div class={`home ${room === undefined ? 'shows-list' : 'shows-room'}`}>
      <Sidebar
        chat={chat}
        search={search}
        open={room}
        notice={notice}
        onCreate={() => setCreating(true)}
        onSignOut={onSignOut}
      />
      <main class="pane" aria-label="Room">
        {isOurs && view !== undefined ? (
          <Conversation
            key={view.room}
            chat={chat}
            view={view}
            elsewhere={elsewhere}
            isLed={place?.seq !== undefined}
            getToken={getToken}
            onSearch={() => {
              search.change({ room: view.room })
              seek()
            }}
            onLeft={() => {
              setNotice(`You left ${view.title}.`)
              goTo(undefined)
            }}
          />
        ) : (
          <Nothing chat={chat} room={room} onCreate={() => setCreating(true)} />
        )}
      </main>
      {isCreating && <NewRoom chat={chat} onClose={() => setCreating(false)} />}
    </div>
  )
}

/** Ctrl+K, or ⌘K: bound anew after each render, as it acts on what is shown then. */
function useShortcut(act: () => void): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return
      event.preventDefault()
      act()
    }
    addEventListener('keydown', pressed)
    return () => removeEventListener('keydown', pressed)
  })
}

/** The same as the badges in the list say: their sum, or that there is something. */
function titleMark(unread: Unread): string {
  if (unread.unread === 'none') return ''
  return unread.unread === 'some' ? `(${countName(unread.count)}) ` : '(•) '
}

/** Renders anew whenever this has changed. */
function useChanges(source: Pick<Chat, 'subscribe'>): void {
  const [, again] = useReducer((n: number) => n + 1, 0)
  useEffect(() => {
    // What changed before this effect ran was not heard.
    again(undefined)
    return source.subscribe(() => again(undefined))
  }, [source])
}

interface NothingProps {
  readonly chat: Chat
  readonly room: string | undefined
  readonly onCreate: () => void
}

function Nothing({ chat, room, onCreate }: NothingProps) {
  if (!chat.isReady) return <div class="empty" />
  const isEmpty = chat.list().length === 0
  return (
    <div class="empty">
      <Mark />
      <h2>{room !== undefined ? 'There is no such room for you' : isEmpty ? 'Nothing here yet' : 'Pick a room'}</h2>
      <p class="quiet">
        {room !== undefined
          ? 'Its address may be mistyped, or nobody has added you to it.'
          : 'Open a room with one person or with several. To try it out alone, be two people: open a second window as somebody else.'}
      </p>
      <div class="row">
        {room === undefined ? (
          <button type="button" class="button primary" onClick={onCreate}>
            <Plus /> New room
          </button>
        ) : (
          <button type="button" class="button primary" onClick={() => goTo(undefined)}>
            To your rooms
          </button>
        )}
        <SecondWindow />
      </div>
    </div>
  )
}

/** Without an opener the new window has storage of its own, and so can be somebody else. */
export function SecondWindow() {
  return (
    <a class="button" href="/" target="_blank" rel="noopener">
      <NewWindow /> Open a window as somebody else
    </a>
  )
}
