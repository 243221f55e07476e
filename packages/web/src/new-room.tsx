import { isText, LIMITS } from '@holdfast/protocol'
import { useState } from 'preact/hooks'
import type { Chat } from './chat.ts'
import { Dialog } from './dialog.tsx'
import { NamesField, useNames } from './names-field.tsx'
import { goTo } from './route.ts'
import { wrongName } from './sign-in.tsx'

interface Props {
  readonly chat: Chat
  readonly onClose: () => void
}

type Kind = 'direct' | 'group'

export function NewRoom({ chat, onClose }: Props) {
  const [kind, setKind] = useState<Kind>('direct')
  const [peer, setPeer] = useState('')
  const [name, setName] = useState('')
  const people = useNames()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<string>()

  const submit = async (event: Event) => {
    event.preventDefault()
    if (busy) return
    const wrong = kind === 'direct' ? wrongPeer(peer, chat.user) : (wrongGroup(name) ?? people.problem())
    setProblem(wrong)
    if (wrong !== undefined) return
    setBusy(true)
    try {
      goTo(kind === 'direct' ? await chat.createDirect(peer) : await chat.createGroup(name, people.all()))
      onClose()
    } catch (error) {
      setProblem((error as Error).message)
      setBusy(false)
    }
  }

  return (
    <Dialog title="New room" onClose={onClose}>
      <form onSubmit={submit}>
        <fieldset class="choice">
          <legend class="unseen">Kind</legend>
          <Choice kind="direct" chosen={kind} onChoose={setKind} label="One person" />
          <Choice kind="group" chosen={kind} onChoose={setKind} label="Several people" />
        </fieldset>
        {kind === 'direct' ? (
          <>
            <label for="peer">Their name</label>
            <input
              id="peer"
              class="field"
              value={peer}
              onInput={(event) => setPeer(event.currentTarget.value)}
              autocomplete="off"
              autocapitalize="off"
              spellcheck={false}
              autofocus
            />
            <p class="quiet small">They will find the room when they sign in by exactly this name.</p>
          </>
        ) : (
          <>
            <label for="group">The room’s name</label>
            <input
              id="group"
              class="field"
              value={name}
              onInput={(event) => setName(event.currentTarget.value)}
              autocomplete="off"
            />
            <NamesField label="Who else" names={people} />
          </>
        )}
        {problem !== undefined && (
          <p class="problem small" role="alert">
            {problem}
          </p>
        )}
        <div class="dialog-foot">
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={busy}>
            {busy ? 'Creating…' : 'Create'}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

interface ChoiceProps {
  readonly kind: Kind
  readonly chosen: Kind
  readonly label: string
  readonly onChoose: (kind: Kind) => void
}

function Choice({ kind, chosen, label, onChoose }: ChoiceProps) {
  return (
    <label class="choice-one">
      <input type="radio" name="kind" value={kind} checked={kind === chosen} onChange={() => onChoose(kind)} />
      <span>{label}</span>
    </label>
  )
}

function wrongPeer(peer: string, me: string): string | undefined {
  return peer === me ? 'That is you. Type somebody else’s name.' : wrongName(peer)
}

function wrongGroup(name: string): string | undefined {
  if (name.trim() === '') return 'Give the room a name.'
  return isText(name, LIMITS.nameBytesMax) ? undefined : `A room’s name has at most ${LIMITS.nameBytesMax} bytes.`
}
