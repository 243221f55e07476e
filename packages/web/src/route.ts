import { useEffect, useState } from 'preact/hooks'

/** What the address names, behind the #: a room, or one message in it. */
export interface Place {
  readonly room: string
  readonly seq: number | undefined
}

/** A new object whenever somebody went somewhere, be it to where they were. */
export function useRoute(): Place | undefined {
  const [place, setPlace] = useState(placeOfAddress)
  useEffect(() => {
    const changed = () => setPlace(placeOfAddress())
    addEventListener('hashchange', changed)
    return () => removeEventListener('hashchange', changed)
  }, [])
  return place
}

export function addressOf(room: string, seq?: number): string {
  const address = `#${encodeURIComponent(room)}`
  return seq === undefined ? address : `${address}/${seq}`
}

export function goTo(room: string | undefined, seq?: number): void {
  const address = room === undefined ? '' : addressOf(room, seq)
  if (location.hash === address) dispatchEvent(new HashChangeEvent('hashchange'))
  else location.hash = address
}

function placeOfAddress(): Place | undefined {
  try {
    const [room = '', seq] = location.hash.slice(1).split('/')
    if (room === '') return undefined
    return { room: decodeURIComponent(room), seq: /^[1-9]\d{0,15}$/.test(seq ?? '') ? Number(seq) : undefined }
  } catch {
    return undefined
  }
}
