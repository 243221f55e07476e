import { useRef } from 'preact/hooks'
import type { Chat } from './chat.ts'
import { Close, Search } from './icons.tsx'
import type { MessageSearch } from './search.ts'

interface Props {
  readonly chat: Chat
  readonly search: MessageSearch
}

/** Brings whoever wants to search to the field; false where it is not shown. */
export function focusSearch(): boolean {
  const field = document.getElementById('search')
  field?.focus()
  return field !== null && document.activeElement === field
}

/** What to look for; and once something is, in which room and by whom. */
export function SearchBox({ chat, search }: Props) {
  const { words, room, sender } = search.state.query
  const field = useRef<HTMLInputElement>(null)
  const clear = () => {
    search.clear()
    field.current?.focus()
  }
  return (
    <search class="search">
      <div class="search-field">
        <Search />
        <input
          id="search"
          ref={field}
          class="field"
          type="search"
          value={words}
          onInput={(event) => search.change({ words: event.currentTarget.value })}
          onKeyDown={(event) => event.key === 'Escape' && !event.isComposing && clear()}
          placeholder="Search messages"
          aria-label="Search messages"
          aria-keyshortcuts="Control+K"
          title="Ctrl+K"
          maxLength={200}
          autocomplete="off"
          enterkeyhint="search"
        />
        {search.isOpen && (
          <button type="button" class="icon-button" onClick={clear} aria-label="End the search" title="End the search">
            <Close />
          </button>
        )}
      </div>
      {search.isOpen && (
        <div class="search-filters">
          <select
            class="field"
            aria-label="In"
            value={room ?? ''}
            onChange={(event) => search.change({ room: event.currentTarget.value || undefined })}
          >
            <option value="">In every room</option>
            {chat.list().map(({ room, title }) => (
              <option key={room} value={room}>
                {title}
              </option>
            ))}
          </select>
          <input
            class="field"
            aria-label="From"
            placeholder="From anybody"
            list="search-people"
            value={sender}
            onInput={(event) => search.change({ sender: event.currentTarget.value })}
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
          />
          <datalist id="search-people">
            {chat.people().map((name) => (
              <option key={name} value={name} />
            ))}
          </datalist>
        </div>
      )}
    </search>
  )
}
