import { useState } from 'preact/hooks'
import type { Chat, RoomView } from './chat.ts'
import { Dialog } from './dialog.tsx'

interface Props {
  readonly chat: Chat
  readonly view: RoomView
  /** Who would go: somebody else, or oneself. */
  readonly user: string
  readonly onBack: () => void
  readonly onGone: () => void
}

/** Asks before somebody is removed or leaves, and says what that means. */
export function Departure({ chat, view, user, onBack, onGone }: Props) {
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<string>()
  const words = user === chat.user ? leaving(view) : removing(view, user)

  const go = async () => {
    setBusy(true)
    setProblem(undefined)
    try {
      await chat.removeMember(view.room, user)
      onGone()
    } catch (error) {
      setProblem((error as Error).message)
      setBusy(false)
    }
  }
  return (
    <Dialog title={words.question} onClose={onBack}>
      <p>{words.meaning}</p>
      {problem !== undefined && (
        <p class="problem small" role="alert">
          {problem}
        </p>
      )}
      <div class="dialog-foot">
        <button type="button" class="button" onClick={onBack} autofocus>
          Cancel
        </button>
        <button type="button" class="button danger" onClick={go} disabled={busy}>
          {busy ? words.doing : words.verb}
        </button>
      </div>
    </Dialog>
  )
}

function leaving({ title, about }: RoomView) {
  return {
    question: `Leave ${title}?`,
    meaning: `The room goes from your list, and you will not be able to read it any more. What you wrote stays for the others. Only ${about?.owner} can add you again.`,
    verb: 'Leave',
    doing: 'Leaving…',
  }
}

function removing({ title }: RoomView, user: string) {
  return {
    question: `Remove ${user}?`,
    meaning: `${user} will not be able to read ${title} any more, or to write in it. What ${user} wrote stays. You can add ${user} again.`,
    verb: 'Remove',
    doing: 'Removing…',
  }
}
