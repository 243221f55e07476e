import { Avatar } from './avatar.tsx'
import { momentName, timeName } from './format.ts'
import { Check, Checks, Clock, Warning } from './icons.tsx'
import { pieces } from './links.ts'
import type { MessageLine, Status } from './timeline.ts'

interface Props {
  readonly line: MessageLine
  readonly isGroup: boolean
  readonly isOwn: boolean
  readonly isConnected: boolean
  /** A search has led here. */
  readonly isFound: boolean
  readonly onTryAgain: () => void
  readonly onDiscard: () => void
}

export function Message({ line, isGroup, isOwn, isConnected, isFound, onTryAgain, onDiscard }: Props) {
  const { key, sender, at, text, first, last, status, tells } = line
  const side = isOwn ? 'own' : 'theirs'
  const seq = line.seq ?? (status?.state === 'stored' ? status.seq : undefined)
  return (
    <li
      class={`message ${side}${first ? ' first' : ''}${last ? ' last' : ''}${isFound ? ' message-found' : ''}`}
      data-key={key}
      data-state={status?.state}
      data-seq={seq}
    >
      {!isOwn && isGroup && (first ? <Avatar name={sender} /> : <span class="avatar-space" />)}
      <div class="message-body">
        {first && (
          <p class={isOwn || !isGroup ? 'unseen' : 'message-head'}>
            <strong>{isOwn ? 'You' : sender}</strong>
          </p>
        )}
        <p class={`bubble${isBig(text) ? ' bubble-big' : ''}`} title={momentName(at)} dir="auto">
          <Text text={text} />
        </p>
        {isOwn && status !== undefined && tells && (
          <StatusLine at={at} status={status} isConnected={isConnected} onTryAgain={onTryAgain} onDiscard={onDiscard} />
        )}
        {!isOwn && last && (
          <p class="message-foot">
            <Moment at={at} />
          </p>
        )}
      </div>
    </li>
  )
}

/** Addresses become links; nothing is ever read as HTML. */
function Text({ text }: { readonly text: string }) {
  return (
    <>
      {pieces(text).map(({ text, href }, i) =>
        href === undefined ? (
          text
        ) : (
          <a key={i} href={href} target="_blank" rel="noopener noreferrer">
            {text}
          </a>
        ),
      )}
    </>
  )
}

interface StatusLineProps {
  readonly at: number
  readonly status: Status
  readonly isConnected: boolean
  readonly onTryAgain: () => void
  readonly onDiscard: () => void
}

function StatusLine({ at, status, isConnected, onTryAgain, onDiscard }: StatusLineProps) {
  switch (status.state) {
    case 'sending':
      return (
        <p class="message-foot">
          <Clock /> {isConnected ? 'Sending…' : 'Waiting for the connection'}
        </p>
      )
    case 'accepted':
      return (
        <p class="message-foot">
          <Check /> Accepted
        </p>
      )
    case 'stored':
      return (
        <p class="message-foot">
          <Moment at={at} /> <Checks /> Stored
        </p>
      )
    case 'failed':
      return (
        <p class="message-foot problem" role="alert">
          <Warning />
          <span>
            {FAILED[status.outcome]}: {status.message}{' '}
            <button type="button" class="link" onClick={onTryAgain}>
              Try again
            </button>{' '}
            <button type="button" class="link" onClick={onDiscard}>
              Discard
            </button>
          </span>
        </p>
      )
  }
  status satisfies never
}

const FAILED = { refused: 'Refused', dead: 'Not stored', unknown: 'Not confirmed', 'not-sent': 'Not sent' }

function Moment({ at }: { readonly at: number }) {
  return (
    <time dateTime={new Date(at).toISOString()} title={momentName(at)}>
      {timeName(at)}
    </time>
  )
}

const EMOJI_ONLY = /^(?:\p{Extended_Pictographic}|\p{Emoji_Component}|\s)+$/u

/** A few emoji and nothing else are shown large. */
function isBig(text: string): boolean {
  return text.length <= 24 && EMOJI_ONLY.test(text) && /\p{Extended_Pictographic}/u.test(text)
}
