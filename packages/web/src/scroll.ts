/**
 * What stays where it is while lines come and go: the end, or one line at its distance from the top of the view.
 * Browsers do this by themselves, but not all of them, and none at the very top.
 */
export type Anchor = 'end' | { readonly key: string; readonly offset: number }

const endMarginPx = 32

/** Undefined while there is no line to hold on to. */
export function anchorOf(scroller: HTMLElement): Anchor | undefined {
  const { scrollTop, scrollHeight, clientHeight } = scroller
  if (scrollHeight - scrollTop - clientHeight <= endMarginPx) return 'end'
  const top = scroller.getBoundingClientRect().top
  for (const line of scroller.querySelectorAll<HTMLElement>('[data-key]')) {
    const box = line.getBoundingClientRect()
    if (box.bottom > top) return { key: line.dataset.key ?? '', offset: box.top - top }
  }
  return undefined
}

export function restore(scroller: HTMLElement, anchor: Anchor): void {
  if (anchor === 'end') {
    scroller.scrollTop = scroller.scrollHeight
    return
  }
  const line = scroller.querySelector<HTMLElement>(`[data-key="${CSS.escape(anchor.key)}"]`)
  if (line === null) return
  const moved = line.getBoundingClientRect().top - scroller.getBoundingClientRect().top - anchor.offset
  // Less than a pixel is rounding; to correct it would be to drift.
  if (Math.abs(moved) >= 1) scroller.scrollTop += moved
}
