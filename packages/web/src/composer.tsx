import { LIMITS, utf8Length } from '@holdfast/protocol'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { numberName } from './format.ts'
import { Send } from './icons.tsx'

interface Props {
  readonly me: string
  readonly room: string
  readonly title: string
  /** Whether whoever opens the room wants to write. */
  readonly takesFocus: boolean
  readonly onSend: (text: string) => void
}

/** How many bytes before the limit one is told of it. */
const nearBytes = 512

export function Composer({ me, room, title, takesFocus, onSend }: Props) {
  const [text, setText] = useDraft(`holdfast:draft:${me}:${room}`)
  const field = useRef<HTMLTextAreaElement>(null)
  const left = LIMITS.textBytesMax - utf8Length(text)
  const isSendable = text.trim() !== '' && left >= 0

  useLayoutEffect(() => fitToText(field.current), [text])
  // A touch screen's keyboard would cover what the reader came to see.
  useLayoutEffect(() => {
    if (takesFocus && matchMedia('(hover: hover)').matches) field.current?.focus()
  }, [])

  const send = () => {
    if (!isSendable) return
    onSend(text.toWellFormed())
    setText('')
    field.current?.focus()
  }
  const onKeyDown = (event: KeyboardEvent) => {
    // While an input method composes, Enter chooses a word.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return
    event.preventDefault()
    send()
  }

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
    >
      <div class="composer-box">
        <textarea
          ref={field}
          rows={1}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={onKeyDown}
          placeholder={`Message ${title}`}
          aria-label={`Message ${title}`}
          aria-describedby="composer-hint"
          aria-invalid={left < 0}
          enterkeyhint="send"
          dir="auto"
        />
        <button type="submit" class="send" aria-label="Send" title="Send" disabled={!isSendable}>
          <Send />
        </button>
      </div>
      <p id="composer-hint" class={left < 0 ? 'composer-hint problem' : 'composer-hint quiet'} aria-live="polite">
        {left >= nearBytes ? (
          <span class="only-wide">Enter sends, Shift + Enter begins a new line</span>
        ) : left >= 0 ? (
          `${numberName(left)} bytes left`
        ) : (
          `${numberName(-left)} bytes too long: a message has at most ${numberName(LIMITS.textBytesMax)}`
        )}
      </p>
    </form>
  )
}

/** What is being written outlives a change of rooms and a reload. */
function useDraft(key: string): [string, (text: string) => void] {
  const [text, setText] = useState(() => sessionStorage.getItem(key) ?? '')
  const change = (next: string) => {
    setText(next)
    try {
      if (next === '') sessionStorage.removeItem(key)
      else sessionStorage.setItem(key, next)
    } catch {
      // A full storage costs only what a reload would have kept.
    }
  }
  return [text, change]
}

function fitToText(field: HTMLTextAreaElement | null): void {
  if (field === null) return
  field.style.height = 'auto'
  field.style.height = `${field.scrollHeight}px`
}
