import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { Close } from './icons.tsx'

interface Props {
  readonly title: string
  readonly onClose: () => void
  readonly children: ComponentChildren
}

/** The browser's own modal dialog: it keeps the focus, and gives it back. */
export function Dialog({ title, onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null)
  const isGone = useRef(false)
  useLayoutEffect(() => {
    const shown = dialog.current
    shown?.showModal()
    return () => {
      // A dialog that is only taken out of the page takes the focus with it. Nobody needs to be told of its end, which the event would do later.
      isGone.current = true
      shown?.close()
    }
  }, [])
  const closed = () => {
    if (!isGone.current) onClose()
  }
  const onBackdrop = (event: MouseEvent) => {
    if (event.target === dialog.current) onClose()
  }
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="dialog-title" onClose={closed} onMouseDown={onBackdrop}>
      <div class="dialog-content">
        <header class="dialog-head">
          <h2 id="dialog-title">{title}</h2>
          <button type="button" class="icon-button" onClick={onClose} aria-label="Close">
            <Close />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  )
}
