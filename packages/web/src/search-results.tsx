import type { SearchHit } from '@holdfast/client'
import type { Chat } from './chat.ts'
import { momentName, numberName, shortName } from './format.ts'
import { addressOf, goTo } from './route.ts'
import { excerpt, type MessageSearch, type SearchState } from './search.ts'

interface Props {
  readonly chat: Chat
  readonly search: MessageSearch
}

/** What was found, newest first: each hit leads to its place in its room. */
export function SearchResults({ chat, search }: Props) {
  const { state } = search
  const { hits = [], hasMore, isAsking, isPartial, problem } = state
  return (
    <section class={`rooms results${isAsking ? ' results-asking' : ''}`} aria-label="Search results">
      <p class="quiet results-status" role="status">
        {statusOf(state)}
      </p>
      {isPartial && <p class="quiet results-status">Not everything could be looked at: there may be more.</p>}
      {problem !== undefined && (
        <p class="problem results-status" role="alert">
          {problem}{' '}
          <button type="button" class="link" onClick={() => search.again()}>
            Try again
          </button>
        </p>
      )}
      <ul>
        {hits.map((hit) => (
          <Hit key={hit.id} hit={hit} chat={chat} />
        ))}
      </ul>
      {hasMore && (
        <button type="button" class="button results-more" onClick={() => search.more()} disabled={isAsking}>
          Show more
        </button>
      )}
    </section>
  )
}

function statusOf({ query, hits, hasMore, problem }: SearchState): string {
  if (query.words.trim() === '') return 'Type what you are looking for.'
  if (hits === undefined) return problem === undefined ? 'Searching…' : ''
  if (hits.length === 0 && !hasMore)
    return 'Nothing found. Accents and capitals do not matter; every word must be there.'
  return `${numberName(hits.length)}${hasMore ? ' or more' : ''} found`
}

function Hit({ hit, chat }: { readonly hit: SearchHit; readonly chat: Chat }) {
  const { room, seq, sender, at } = hit
  return (
    <li>
      <a
        class="hit"
        href={addressOf(room, seq)}
        onClick={(event) => {
          // Followed again it leads there again, though the address stays the same.
          if (event.ctrlKey || event.metaKey || event.shiftKey) return
          event.preventDefault()
          goTo(room, seq)
        }}
        data-hit={`${room}/${seq}`}
      >
        <span class="hit-head">
          <strong class="one-line">{sender === chat.user ? 'You' : sender}</strong>
          <span class="quiet one-line">{chat.titleOf(room)}</span>
          <time class="quiet" dateTime={new Date(at).toISOString()} title={momentName(at)}>
            {shortName(at, Date.now())}
          </time>
        </span>
        <span class="hit-text" dir="auto">
          {excerpt(hit).map(({ text, isMatch }, i) => (isMatch ? <mark key={i}>{text}</mark> : text))}
        </span>
      </a>
    </li>
  )
}
