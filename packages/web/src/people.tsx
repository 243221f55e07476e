import { useEffect, useState } from 'preact/hooks'
import { Avatar } from './avatar.tsx'
import type { Chat, RoomView } from './chat.ts'
import { Departure } from './departure.tsx'
import { Dialog } from './dialog.tsx'
import { type Member, membersOf } from './session.ts'
import { wrongName } from './sign-in.tsx'

interface Props {
  readonly chat: Chat
  readonly view: RoomView
  readonly found: FoundMembers
  readonly onClose: () => void
  /** We are not in it any more, by our own wish. */
  readonly onLeft: () => void
}

/** Who is in the room; its owner can add and remove people, everybody else can leave. */
export function People({ chat, view, found: { members, more, problem }, onClose, onLeft }: Props) {
  const [leaver, setLeaver] = useState<string>()
  const isGroup = view.about?.kind === 'group'
  const isOwner = isGroup && view.about?.owner === chat.user
  if (leaver !== undefined) {
    const back = () => setLeaver(undefined)
    const gone = leaver === chat.user ? onLeft : back
    return <Departure chat={chat} view={view} user={leaver} onBack={back} onGone={gone} />
  }
  return (
    <Dialog title={view.about?.kind === 'direct' ? 'People' : `People in ${view.title}`} onClose={onClose}>
      {isOwner && <AddSomebody chat={chat} room={view.room} />}
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
            {isOwner && user !== chat.user && (
              <button
                type="button"
                class="link quiet small"
                onClick={() => setLeaver(user)}
                aria-label={`Remove ${user}`}
              >
                Remove
              </button>
            )}
          </li>
        ))}
      </ul>
      {more && <p class="quiet small">And more.</p>}
      {isGroup && (
        <p class="quiet small">
          {isOwner ? 'A room’s owner cannot leave it.' : `Only ${view.about?.owner} can add and remove people here.`}
        </p>
      )}
      {isGroup && !isOwner && view.isMember && (
        <div class="dialog-foot">
          <button type="button" class="button danger" onClick={() => setLeaver(chat.user)}>
            Leave this room
          </button>
        </div>
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
