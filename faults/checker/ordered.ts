/** How many of the first ones are `isBefore`, of a list in which those that are stand before all that are not. */
export function countBefore<T>(list: readonly T[], isBefore: (item: T) => boolean): number {
  let from = 0
  let to = list.length
  while (from < to) {
    const middle = (from + to) >> 1
    const item = list[middle]
    if (item !== undefined && isBefore(item)) from = middle + 1
    else to = middle
  }
  return from
}

/** One text for several, such that no two lists of texts give the same. */
export function keyOf(...parts: readonly (string | number)[]): string {
  let key = ''
  for (const part of parts) key += typeof part === 'number' ? `${part};` : `${part.length}:${part}`
  return key
}

export function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}
