const HUES = 8

/** A name's first letter on its own colour. Decoration: the name always stands beside it. */
export function Avatar({ name, group = false }: { readonly name: string; readonly group?: boolean }) {
  return (
    <span class={`avatar hue-${hueOf(name)}${group ? ' avatar-group' : ''}`} aria-hidden="true">
      {initial(name)}
    </span>
  )
}

const letters = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

function initial(name: string): string {
  const [first] = letters.segment(name.trim())
  return first?.segment.toLocaleUpperCase() ?? '·'
}

function hueOf(name: string): number {
  let hash = 7
  for (let i = 0; i < name.length; i++) hash = (Math.imul(hash, 31) + name.charCodeAt(i)) >>> 0
  return hash % HUES
}
