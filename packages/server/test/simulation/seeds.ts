/**
 * The seeds that `HFTEST_SEEDS` names, in its order and each once: `60` stands for the first sixty, `70..75` for those,
 * and commas part several of that. Throws where it names none.
 */
export function seedsOf(text: string): readonly number[] {
  return [...new Set(text.split(',').flatMap((part) => rangeOf(part, text)))]
}

function rangeOf(part: string, text: string): readonly number[] {
  const [, from = '1', to] = /^(?:(\d+)\.\.)?(\d+)$/.exec(part) ?? []
  const [first, last] = [Number(from), Number(to)]
  if (!(first <= last)) throw new Error(`seeds are written 60, 70..75 or 7..7,60, not ${text}`)
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}
