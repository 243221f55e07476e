import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Chat, Filling, RoomView, Shown } from './chat.ts'
import { eventText } from './events.ts'
import { dayName, dayOf, numberName } from './format.ts'
import { Down } from './icons.tsx'
import { Message } from './message.tsx'
import { type Anchor, anchorOf, restore } from './scroll.ts'
import { type Line, timeline } from './timeline.ts'
import { countName } from './unread.ts'

interface Props {
  readonly chat: Chat
  readonly view: RoomView
}

interface TimelineViewProps extends Props {
  /** Somebody follows a hit, or an address that names a message. */
  readonly isLed: boolean
}

export function TimelineView({ chat, view, isLed }: TimelineViewProps) {
  const scroller = useRef<HTMLDivElement>(null)
  const list = useRef<HTMLOListElement>(null)
  const anchor = useRef<Anchor>('end')
  const [isAtEnd, setAtEnd] = useState(true)
  const { entries, head, pending, seenAtOpen, shown } = view
  const led = useRef<Shown | undefined>(undefined)
  const lines = timeline({ entries, head, pending, me: chat.user, seenAtOpen, dayOf })

  const newestOwn = pending.at(-1)?.clientId
  const lastOwn = useRef(newestOwn)
  useLayoutEffect(() => {
    // Whoever says something wants to see it.
    if (newestOwn !== undefined && newestOwn !== lastOwn.current) anchor.current = 'end'
    lastOwn.current = newestOwn
    const box = scroller.current
    if (box === null) return
    const found = shown === led.current ? undefined : entries.find(({ seq }) => seq === shown?.seq)
    if (found !== undefined) anchor.current = { key: found.id, offset: box.clientHeight / 3 }
    restore(box, anchor.current)
    if (found === undefined) return
    led.current = shown
    setAtEnd(anchorOf(box) === 'end')
  })
  // Who is on the way to a message passes the end without a look at it.
  const isOnTheWay = isLed && led.current === undefined && shown?.problem === undefined
  useLook(chat, isAtEnd && !isOnTheWay, view)

  useEffect(() => {
    // Where there is place for one pane only, the hit that had the focus went away with the other, though browsers notice that a moment later.
    const { activeElement, body } = document
    const isNowhere = activeElement === null || activeElement === body || !activeElement.checkVisibility()
    if (isLed && isNowhere) scroller.current?.focus({ preventScroll: true })
  }, [isLed])

  useLayoutEffect(() => {
    const [box, content] = [scroller.current, list.current]
    if (box === null || content === null) return
    // The keyboard of a phone opens, the composer grows, a font arrives: what was in view stays there.
    const observer = new ResizeObserver(() => restore(box, anchor.current))
    observer.observe(box)
    observer.observe(content)
    return () => observer.disconnect()
  }, [])

  const onScroll = () => {
    if (scroller.current === null) return
    anchor.current = anchorOf(scroller.current) ?? anchor.current
    setAtEnd(anchor.current === 'end')
  }
  const toEnd = (event: MouseEvent) => {
    anchor.current = 'end'
    if (scroller.current !== null) restore(scroller.current, 'end')
    // The button goes away; a focus that was on it stays near.
    if (document.activeElement === event.currentTarget) scroller.current?.focus()
    setAtEnd(true)
  }

  return (
    <div class="timeline-frame">
      <div
        class="timeline"
        ref={scroller}
        onScroll={onScroll}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
        tabIndex={0}
        role="log"
        aria-live="off"
        aria-label={`Messages with ${view.title}`}
      >
        {shown?.problem !== undefined && (
          <p class="shown-problem problem" role="alert">
            {shown.problem}
          </p>
        )}
        <ol class="lines" ref={list}>
          {lines.length === 0 && <Quiet view={view} />}
          {lines.map((line) => (
            <LineView key={line.key} line={line} chat={chat} view={view} isAtEnd={isAtEnd} />
          ))}
        </ol>
      </div>
      {!isAtEnd && (
        <button
          type="button"
          class={`button to-end${view.unread.unread === 'some' ? ' primary' : ''}`}
          onClick={toEnd}
          // Pressed by a pointer it leaves the focus where one writes.
          onMouseDown={(event) => event.preventDefault()}
        >
          <Down /> {view.unread.unread === 'some' ? `${countName(view.unread.count)} new` : 'Newest'}
        </button>
      )}
    </div>
  )
}

/** What is at the end counts as seen while somebody can see it. */
function useLook(chat: Chat, isAtEnd: boolean, view: RoomView): void {
  useEffect(() => {
    const look = () => {
      if (isAtEnd && document.visibilityState === 'visible') chat.look(view.room)
    }
    look()
    document.addEventListener('visibilitychange', look)
    return () => document.removeEventListener('visibilitychange', look)
  }, [chat, isAtEnd, view.room, view.entries])
}

interface LineViewProps extends Props {
  readonly line: Line
  readonly isAtEnd: boolean
}

function LineView({ line, chat, view, isAtEnd }: LineViewProps) {
  switch (line.line) {
    case 'message':
      return (
        <Message
          line={line}
          isGroup={view.about?.kind !== 'direct'}
          isOwn={line.sender === chat.user}
          isConnected={chat.connection === 'live'}
          isFound={line.seq !== undefined && line.seq === view.shown?.seq}
          onTryAgain={() => line.clientId && chat.tryAgain(view.room, line.clientId)}
          onDiscard={() => line.clientId && chat.discard(view.room, line.clientId)}
        />
      )
    case 'event':
      return (
        <li class="event" data-key={line.key} data-seq={line.entry.seq}>
          {eventText(line.entry, chat.user)}
        </li>
      )
    case 'day':
      return (
        <li class="day">
          <span>{dayName(line.at, Date.now())}</span>
        </li>
      )
    case 'unread':
      return (
        <li class="unread-mark">
          <span>New</span>
        </li>
      )
    case 'hole':
      return (
        <Hole
          hole={line}
          filling={view.filling}
          isAtEnd={isAtEnd}
          onFill={(side) => void chat.fill(view.room, line, side)}
        />
      )
  }
  line satisfies never
}

interface HoleProps {
  readonly hole: Line & { line: 'hole' }
  readonly filling: Filling | undefined
  readonly isAtEnd: boolean
  readonly onFill: (side: 'start' | 'end') => void
}

/** Entries that are not loaded: they load as soon as they come near the view. */
function Hole({ hole, filling, isAtEnd, onFill }: HoleProps) {
  const mark = useRef<HTMLLIElement>(null)
  const [isNear, setNear] = useState(false)
  useEffect(() => {
    const element = mark.current
    if (element === null) return
    const root = element.closest('.timeline')
    const observer = new IntersectionObserver(([first]) => setNear(first?.isIntersecting ?? false), {
      root,
      rootMargin: '480px 0px',
    })
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  const isIdle = filling === undefined
  // Whoever reads above it goes on where it begins.
  const fill = () => onFill(!isAtEnd && isBelow(mark.current) ? 'start' : 'end')
  // Once for each hole that comes near, not for each rendering.
  useEffect(() => {
    if (isNear && isIdle) fill()
  }, [isNear, isIdle])

  const problem = filling?.to === hole.to ? filling.problem : undefined
  const count = hole.to - hole.from + 1
  return (
    <li class="hole" ref={mark}>
      {problem === undefined ? (
        <span class="quiet">Loading {hole.from === 1 ? 'earlier messages' : `${numberName(count)} messages`}…</span>
      ) : (
        <>
          <span class="problem">{problem}</span>{' '}
          <button type="button" class="link" onClick={fill}>
            Try again
          </button>
        </>
      )}
    </li>
  )
}

/** Below the middle of the view. */
function isBelow(mark: HTMLElement | null): boolean {
  const view = mark?.closest('.timeline')?.getBoundingClientRect()
  return mark !== null && view !== undefined && mark.getBoundingClientRect().top > view.top + view.height / 2
}

function Quiet({ view }: { readonly view: RoomView }) {
  if (view.about === undefined) return null
  return <li class="event">Nothing was said here yet.</li>
}
