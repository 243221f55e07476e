import { useEffect, useState } from 'preact/hooks'
import { Avatar } from './avatar.tsx'
import type { Chat, RoomView } from './chat.ts'
import { Dialog } from './dialog.tsx'
import { type Member, membersOf } from './session.ts'
import { wrongName } from './sign-in.tsx'

interface Props {
  readonly chat: Chat
  readonly view: RoomView
  readonly found: FoundMembers
  readonly onClose: () => void
}

/** Who is in the room; its owner can add somebody. */
export function People({ chat, view, found: { members, more, problem }, onClose }: Props) {
  const mayAdd = view.about?.kind === 'group' && view.about.owner === chat.user
  return (
    <Dialog title={view.about?.kind === 'direct' ? 'People' : `People in ${view.title}`} onClose={onClose}>
      {mayAdd && <AddSomebody chat={chat} room={view.room} />}
      {problem !== undefined && <p class="problem small">{problem}</p>}
      <ul class="people">
        {members.map(({ user, role }) => (
          <li key={user}>
            <Avatar name={user} />
            <span class="one-line">
              {user}
              {user === chat.user && <span class="quiet"> (you)</span>}
            </span>
            {role === 'owner' && <span class="quiet small">owner</span>}
          </li>
        ))}
      </ul>
      {more && <p class="quiet small">And more.</p>}
      {view.about?.kind === 'group' && !mayAdd && (
        <p class="quiet small">Only {view.about.owner} can add people here.</p>
      )}
    </Dialog>
  )
}

export interface FoundMembers {
  readonly members: readonly Member[]
  readonly more: boolean
  readonly problem?: string
}

/** Read anew whenever somebody came or went, and after each reconnect. */
export function useMembers(chat: Chat, view: RoomView, getToken: () => Promise<string>): FoundMembers {
  const [found, setFound] = useState<FoundMembers>({ members: [], more: false })
  const isReadable = chat.connection === 'live' && view.isMember
  const changes = view.entries.filter(({ kind }) => kind !== 'message').length
  // A change of members is what makes it worth reading again.
  useEffect(() => {
    if (!isReadable) return
    let isOver = false
    const read = async () => {
      try {
        const next = await membersOf(view.room, await getToken())
        if (!isOver) setFound(next)
      } catch (error) {
        if (!isOver) setFound((last) => ({ ...last, problem: (error as Error).message }))
      }
    }
    void read()
    return () => {
      isOver = true
    }
  }, [view.room, changes, isReadable])
  return found
}

function AddSomebody({ chat, room }: { readonly chat: Chat; readonly room: string }) {
  const [name, setName] = useState('')
  const [busy, setBusy] = useState(false)
  const [said, setSaid] = useState<{ readonly text: string; readonly isProblem: boolean }>()
  const submit = async (event: Event) => {
    event.preventDefault()
    const wrong = wrongName(name)
    if (wrong !== undefined) return setSaid({ text: wrong, isProblem: true })
    setBusy(true)
    try {
      await chat.addMember(room, name)
      setSaid({ text: `${name} is in.`, isProblem: false })
      setName('')
    } catch (error) {
      setSaid({ text: (error as Error).message, isProblem: true })
    }
    setBusy(false)
  }
  return (
    <form onSubmit={submit}>
      <label for="somebody">Add somebody</label>
      <div class="row row-field">
        <input
          id="somebody"
          class="field"
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
          placeholder="Their name"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
        />
        <button type="submit" class="button primary" disabled={busy}>
          {busy ? 'Adding…' : 'Add'}
        </button>
      </div>
      {said !== undefined && (
        <p class={said.isProblem ? 'problem small' : 'quiet small'} role={said.isProblem ? 'alert' : 'status'}>
          {said.text}
        </p>
      )}
    </form>
  )
}
