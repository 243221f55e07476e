import { useEffect, useState } from 'preact/hooks'

/** The room that the address names: what stands behind the #. */
export function useRoute(): string | undefined {
  const [room, setRoom] = useState(roomOfAddress)
  useEffect(() => {
    const changed = () => setRoom(roomOfAddress())
    addEventListener('hashchange', changed)
    return () => removeEventListener('hashchange', changed)
  }, [])
  return room
}

export function addressOf(room: string): string {
  return `#${encodeURIComponent(room)}`
}

export function goTo(room: string | undefined): void {
  location.hash = room === undefined ? '' : addressOf(room)
}

function roomOfAddress(): string | undefined {
  try {
    return decodeURIComponent(location.hash.slice(1)) || undefined
  } catch {
    return undefined
  }
}
