import type { GroupPartitionsAssigner } from '@platformatic/kafka'

/** What a member tells whoever shares the partitions out: those it works on. */
export function claimOf(partitions: readonly number[]): Buffer {
  return Buffer.from(JSON.stringify(partitions))
}

/**
 * Shares a topic out evenly, and leaves with each member what it has as far as that is even: whatever moves is loaded anew by its next owner.
 */
export function assignerOf(topic: string): GroupPartitionsAssigner {
  return (_, members, __, metadata) => {
    const count = metadata.topics.get(topic)?.partitionsCount ?? 0
    const claims = new Map([...members].map(([id, { metadata: claim }]) => [id, claimIn(claim)]))
    return [...shares(count, claims)].map(([memberId, partitions]) => ({
      memberId,
      assignments: new Map([[topic, { topic, partitions: [...partitions] }]]),
    }))
  }
}

/** By member. Each partition has one owner, and no member two more than another. */
export function shares(
  count: number,
  claims: ReadonlyMap<string, readonly number[]>,
): ReadonlyMap<string, readonly number[]> {
  const least = Math.floor(count / claims.size)
  let largerShares = count % claims.size
  const free = new Set(Array(count).keys())
  // Who has most may keep the larger share; by name where that is equal, so that every leader shares out alike.
  const members = [...claims].sort(([a, one], [b, other]) => other.length - one.length || (a < b ? -1 : 1))
  const kept = members.map(([member, claim]) => {
    const mine: number[] = []
    for (const partition of claim) {
      const isLarger = mine.length === least
      if (mine.length > least || (isLarger && largerShares === 0)) break
      if (!free.delete(partition)) continue
      mine.push(partition)
      if (isLarger) largerShares--
    }
    return { member, mine }
  })
  for (const partition of free) kept.reduce((a, b) => (b.mine.length < a.mine.length ? b : a)).mine.push(partition)
  return new Map(kept.map(({ member, mine }) => [member, mine.sort((a, b) => a - b)]))
}

/** A member of another build may claim nothing, or what we do not understand. */
function claimIn(claim: Buffer | string | undefined): readonly number[] {
  try {
    const claimed: unknown = JSON.parse(String(claim ?? '[]'))
    return Array.isArray(claimed) ? claimed.filter((partition) => Number.isSafeInteger(partition)) : []
  } catch {
    return []
  }
}
