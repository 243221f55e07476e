import { useEffect, useMemo, useState } from 'preact/hooks'
import { Chat } from './chat.ts'
import { Home } from './home.tsx'
import { freshToken, readSession, type Session, writeSession } from './session.ts'
import { SignIn } from './sign-in.tsx'

/** Either somebody is signed in, or there is the form for it. */
export function App() {
  const [session, setSession] = useState(() => readSession(sessionStorage))
  const [notice, setNotice] = useState<string>()

  const enter = (next: Session) => {
    writeSession(sessionStorage, next)
    setNotice(undefined)
    setSession(next)
  }
  const leave = (reason?: string) => {
    writeSession(sessionStorage, undefined)
    setNotice(reason)
    setSession(undefined)
  }
  return session === undefined ? (
    <SignIn notice={notice} onSession={enter} />
  ) : (
    <SignedIn key={session.user} session={session} onLeave={leave} />
  )
}

interface SignedInProps {
  readonly session: Session
  readonly onLeave: (reason?: string) => void
}

function SignedIn({ session, onLeave }: SignedInProps) {
  const [holder] = useState(() => new TokenHolder(session))
  const chat = useMemo(
    () =>
      new Chat({
        url: '/',
        user: session.user,
        getToken: () => holder.token(),
        window: sessionStorage,
        device: localStorage,
        onEnded: (reason) => onLeave(`You were signed out. ${reason.message}`),
      }),
    [session.user, holder],
  )
  useEffect(() => () => chat.close(), [chat])
  return <Home chat={chat} getToken={() => holder.token()} onSignOut={() => onLeave()} />
}

/** Keeps the window's token fresh, and the window's storage with it. */
class TokenHolder {
  #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  async token(): Promise<string> {
    const fresh = await freshToken(this.#session, Date.now())
    if (fresh !== this.#session) writeSession(sessionStorage, fresh)
    this.#session = fresh
    return fresh.token
  }
}
