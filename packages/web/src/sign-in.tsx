import { isId, LIMITS } from '@holdfast/protocol'
import { useEffect, useState } from 'preact/hooks'
import { Mark } from './icons.tsx'
import { isSignInByNameOffered, type Session, sessionOf, signInByName } from './session.ts'

type Offer = 'asking' | 'by-name' | 'by-token'

interface Props {
  /** Why the last session ended. */
  readonly notice: string | undefined
  readonly onSession: (session: Session) => void
}

export function SignIn({ notice, onSession }: Props) {
  const [offer, setOffer] = useState<Offer>('asking')
  const [value, setValue] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState(notice)

  useEffect(() => {
    document.title = 'Sign in · Holdfast'
    return askUntilAnswered((offered) => setOffer(offered ? 'by-name' : 'by-token'), setError)
  }, [])

  const submit = async (event: Event) => {
    event.preventDefault()
    const wrong = offer === 'by-name' ? wrongName(value) : undefined
    setError(wrong)
    if (wrong !== undefined || busy) return
    setBusy(true)
    try {
      onSession(offer === 'by-name' ? await signInByName(value) : sessionOf(value))
    } catch (cause) {
      setError(cause instanceof TypeError ? 'The server cannot be reached.' : String((cause as Error).message))
      setBusy(false)
    }
  }

  return (
    <main class="sign-in">
      <form class="sign-in-card" onSubmit={submit}>
        <Mark />
        <h1>Holdfast</h1>
        <p class="quiet">A chat that keeps what it acknowledged.</p>
        <label for="name">{offer === 'by-token' ? 'Your token' : 'Your name'}</label>
        <input
          id="name"
          class="field"
          value={value}
          onInput={(event) => setValue(event.currentTarget.value)}
          autocomplete={offer === 'by-token' ? 'off' : 'username'}
          autocapitalize="off"
          spellcheck={false}
          aria-describedby="sign-in-hint"
          aria-invalid={error !== undefined}
          autofocus
        />
        <p
          id="sign-in-hint"
          class={error === undefined ? 'quiet small' : 'problem small'}
          role={error === undefined ? undefined : 'alert'}
        >
          {error ?? HINTS[offer]}
        </p>
        <button class="button primary wide" type="submit" disabled={busy || offer === 'asking'}>
          {busy ? 'Signing in…' : 'Sign in'}
        </button>
      </form>
    </main>
  )
}

const HINTS: Readonly<Record<Offer, string>> = {
  asking: 'Looking for the server…',
  'by-name': 'Any name will do; capital letters count. Each window can be somebody else.',
  'by-token':
    'This server signs people in through its own application. A token also comes from “holdfast token --user NAME”.',
}

const AGAIN_MS = 2_000

/** The server may be restarting just now. Returns what ends the asking. */
function askUntilAnswered(
  answered: (offered: boolean) => void,
  say: (problem: string | undefined) => void,
): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let over = false
  const ask = async () => {
    try {
      const offered = await isSignInByNameOffered()
      if (!over) answered(offered)
    } catch {
      if (over) return
      say('The server cannot be reached; trying again.')
      timer = setTimeout(async () => {
        say(undefined)
        await ask()
      }, AGAIN_MS)
    }
  }
  void ask()
  return () => {
    over = true
    clearTimeout(timer)
  }
}

export function wrongName(name: string): string | undefined {
  if (name.trim() === '') return 'Type a name.'
  return isId(name, LIMITS.idBytesMax)
    ? undefined
    : `A name has at most ${LIMITS.idBytesMax} bytes and no control characters.`
}
