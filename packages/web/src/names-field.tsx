import { LIMITS } from '@holdfast/protocol'
import { useState } from 'preact/hooks'
import { Close } from './icons.tsx'
import { wrongName } from './sign-in.tsx'

/** Names being gathered: those that are chosen, and the one that is being typed. */
export interface Names {
  readonly chosen: readonly string[]
  readonly typed: string
  type(text: string): void
  /** Takes what is typed. */
  choose(): void
  drop(name: string): void
  /** Chosen and typed together. */
  all(): readonly string[]
  problem(): string | undefined
}

export function useNames(): Names {
  const [chosen, setChosen] = useState<readonly string[]>([])
  const [typed, type] = useState('')
  const all = () => (typed.trim() === '' || chosen.includes(typed) ? chosen : [...chosen, typed])
  return {
    chosen,
    typed,
    type,
    all,
    choose() {
      setChosen(all())
      type('')
    },
    drop: (name) => setChosen(chosen.filter((other) => other !== name)),
    problem() {
      if (all().length > LIMITS.membersPerCommandMax)
        return `At most ${LIMITS.membersPerCommandMax} people at once; add the others later.`
      return all()
        .map(wrongName)
        .find((wrong) => wrong !== undefined)
    },
  }
}

export function NamesField({ label, names }: { readonly label: string; readonly names: Names }) {
  const onKeyDown = (event: KeyboardEvent) => {
    const isEnd = (event.key === 'Enter' || event.key === ',') && !event.isComposing
    if (isEnd && names.typed.trim() !== '') {
      event.preventDefault()
      names.choose()
    } else if (event.key === 'Backspace' && names.typed === '') {
      const last = names.chosen.at(-1)
      if (last !== undefined) names.drop(last)
    }
  }
  return (
    <>
      <label for="names">{label}</label>
      <div class="field names">
        {names.chosen.map((name) => (
          <span key={name} class="chip">
            <span class="one-line">{name}</span>
            <button type="button" onClick={() => names.drop(name)} aria-label={`Remove ${name}`}>
              <Close />
            </button>
          </span>
        ))}
        <input
          id="names"
          value={names.typed}
          onInput={(event) => names.type(event.currentTarget.value)}
          onKeyDown={onKeyDown}
          onBlur={() => names.choose()}
          placeholder={names.chosen.length === 0 ? 'A name, then Enter' : ''}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
        />
      </div>
    </>
  )
}
