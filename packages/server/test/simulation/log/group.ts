import type { Membership, Offset, OwnedPartition } from '../../../src/ports/log.ts'
import type { Cancel } from '../../../src/ports/system.ts'
import type { Kept } from './kept.ts'
import type { Link } from './link.ts'
import { Member, Tenure } from './member.ts'
import type { Troubles } from './troubles.ts'

/** A rebalance waits so long at most for the old owner to finish. */
const REBALANCE_MS = 12_000
/** A member that was not heard of for so long is taken for dead. */
const SESSION_MS_MIN = 5_000
const SESSION_MS_MAX = 10_000
/** Until a member that was taken for dead learns of it, once it can be reached. */
const LEARN_MS_MAX = 3_000

export interface GroupParts {
  readonly troubles: Troubles
  readonly log: string
  readonly name: string
  readonly partitions: readonly Kept[]
  /** Whether the commits of members that were taken over count: one draw for the whole run. */
  readonly staleAccepted: boolean
  /** Something was committed: old records may go. */
  readonly committed: (partition: number) => void
}

/**
 * A group as its coordinator sees it: who is a member, who owns what, what was committed. Members may see it otherwise for a while.
 * Invariant: whoever lost a partition has been sent notice of it; how late it comes is another matter.
 */
export class Group {
  readonly #parts: GroupParts
  readonly #members: { readonly member: Member; readonly unwatch: () => void }[] = []
  readonly #slots: Slot[]
  /** Which member is the first to be given a partition. */
  #rotation = 0
  #generation = 0
  readonly #place: string

  constructor(parts: GroupParts) {
    this.#parts = parts
    this.#place = `the group ${parts.name} of ${parts.log}`
    this.#slots = parts.partitions.map(() => ({
      tenure: undefined,
      isRevoking: false,
      overdue: () => {},
      target: undefined,
      committed: undefined,
      believers: new Set(),
      readThrough: 0,
      owners: [],
    }))
  }

  get troubles(): Troubles {
    return this.#parts.troubles
  }

  kept(partition: number): Kept {
    return this.#parts.partitions[partition] as Kept
  }

  committed(partition: number): Offset | undefined {
    return this.#slots[partition]?.committed
  }

  /** Where whoever begins now starts to read. */
  start(partition: number): Offset {
    return this.committed(partition) ?? this.kept(partition).begin
  }

  join(link: Link, run: (owned: OwnedPartition) => Promise<void>): Membership {
    const member = new Member(this, link, run)
    member.join()
    return member
  }

  /** What befalls a group by itself. */
  tick(): void {
    const { troubles } = this.#parts
    if (this.#members.length === 0) return
    if (troubles.strikes('log.group.memberDropped', this.#place))
      this.expire(troubles.chance.pick(this.#members).member)
    if (troubles.strikes('log.group.rebalance', this.#place)) this.#rebalance('of itself')
  }

  // ---- what members send ----------------------------------------------------------------------------------------------

  admit(member: Member): void {
    const { troubles } = this.#parts
    const { link } = member
    const unwatch = link.onLost(() => {
      const { losses } = link
      const isOut = () => link.losses === losses && !link.isReachable
      troubles.clock.after(troubles.chance.between(SESSION_MS_MIN, SESSION_MS_MAX), () => {
        if (isOut()) this.expire(member)
      })
    })
    this.#members.push({ member, unwatch })
    this.#rebalance(`${link.process} joined`)
  }

  leave(member: Member): void {
    if (this.#remove(member) === undefined) return
    this.#rebalance(`${member.link.process} left`)
  }

  /** The coordinator takes it for dead. Alive, it works on until it hears of that, and joins anew. */
  expire(member: Member): void {
    const lost = this.#remove(member)
    if (lost === undefined) return
    const { troubles } = this.#parts
    troubles.happened('log.group.expired')
    member.link.reach(() => {
      troubles.clock.after(troubles.chance.below(LEARN_MS_MAX), () => {
        member.link.reach(() => {
          troubles.happened('log.group.cameBack')
          member.expelled(lost)
        })
      })
    })
    this.#rebalance(`${member.link.process} is taken for dead`)
  }

  /** The member's `run` for it has ended. */
  released(tenure: Tenure): void {
    const slot = this.#slot(tenure)
    if (slot.isRevoking) this.#free(slot, tenure)
  }

  /** Returns false where it does not count. */
  commit(tenure: Tenure, next: Offset): boolean {
    const { troubles, staleAccepted, name } = this.#parts
    const slot = this.#slot(tenure)
    const { partition, member } = tenure
    const isStale = slot.tenure !== tenure
    if (isStale) troubles.happened(staleAccepted ? 'log.commit.stale' : 'log.commit.staleRefused')
    troubles.trace(() => {
      const how = isStale ? (staleAccepted ? ', although it was taken over' : ': refused, taken over') : ''
      return `${member.link.process} committed ${this.kept(partition).name}@${next} for ${name}${how}`
    })
    if (isStale && !staleAccepted) return false
    if (next < (slot.committed ?? 0)) troubles.happened('log.commit.backward')
    slot.committed = next
    this.#parts.committed(partition)
    return true
  }

  // ---- what is only observed ------------------------------------------------------------------------------------------

  /** From now on, until `ceases`, it works in the belief that the partition is its own. */
  believes(tenure: Tenure): void {
    const { believers } = this.#slot(tenure)
    believers.add(tenure)
    const { length } = this.believers(tenure.partition)
    if (length > 1) this.troubles.happened('log.group.twoOwners')
    if (length > 2) this.troubles.happened('log.group.threeOwners')
  }

  ceases(tenure: Tenure): void {
    this.#slot(tenure).believers.delete(tenure)
  }

  /** Those who work in the belief that the partition is theirs. */
  believers(partition: number): readonly Tenure[] {
    const all = [...(this.#slots[partition]?.believers ?? [])]
    return all.filter(({ member }) => !member.link.isCrashed)
  }

  hasRead(tenure: Tenure, next: Offset): void {
    const slot = this.#slot(tenure)
    slot.readThrough = Math.max(slot.readThrough, next)
  }

  // ---- rebalances -----------------------------------------------------------------------------------------------------

  #rebalance(why: string): void {
    const { troubles, partitions } = this.#parts
    const { chance, clock } = troubles
    const count = this.#members.length
    if (count > 1 && troubles.strikes('log.group.shuffled', this.#place)) this.#rotation += chance.between(1, count - 1)
    const isEager = count > 0 && troubles.strikes('log.group.eager', this.#place)
    this.#generation++
    troubles.trace(() => `${this.#place} rebalances, ${this.#generation}: ${why}`)
    for (const { partition } of partitions) {
      const slot = this.#slots[partition] as Slot
      slot.target = this.#members[(partition + this.#rotation) % Math.max(1, count)]?.member
      if (slot.tenure === undefined) this.#grant(slot, partition)
      else if (!slot.isRevoking && (isEager || slot.tenure.member !== slot.target)) this.#revoke(slot, slot.tenure)
    }
    if (count > 0 && troubles.strikes('log.group.again', this.#place))
      clock.after(chance.below(500), () => this.#rebalance('on the heels of the last one'))
  }

  #grant(slot: Slot, partition: number): void {
    const member = slot.target
    if (member === undefined) return
    const { troubles, name } = this.#parts
    const tenure = new Tenure(partition, member, this.start(partition))
    slot.tenure = tenure
    this.#observeGrant(slot, tenure)
    troubles.trace(
      () => `${this.kept(partition).name} goes to ${member.link.process} for ${name}, from ${tenure.start}`,
    )
    troubles.clock.after(troubles.latencyMs(), () => member.link.reach(() => member.begin(tenure)))
  }

  #observeGrant(slot: Slot, { member, start }: Tenure): void {
    const { troubles } = this.#parts
    if (start < slot.readThrough) troubles.happened('log.group.overlap')
    const [last, before] = slot.owners
    if (before === member && last !== member) troubles.happened('log.group.bouncedBack')
    slot.owners = [member, last]
  }

  #revoke(slot: Slot, tenure: Tenure): void {
    const { troubles } = this.#parts
    const { clock, chance } = troubles
    slot.isRevoking = true
    const isLate = troubles.strikes('log.group.revokeLate', this.#place)
    const isEarly = isLate || troubles.strikes('log.group.takenEarly', this.#place)
    const { link } = tenure.member
    clock.after(isLate ? troubles.delayMs() : troubles.latencyMs(), () => link.reach(() => tenure.abort()))
    slot.overdue = clock.after(isEarly ? chance.below(300) : REBALANCE_MS, () => this.#free(slot, tenure))
  }

  #free(slot: Slot, tenure: Tenure): void {
    if (slot.tenure !== tenure) return
    this.#vacate(slot)
    this.#grant(slot, tenure.partition)
  }

  #vacate(slot: Slot): void {
    slot.overdue()
    slot.tenure = undefined
    slot.isRevoking = false
  }

  /** Returns what it owned; undefined where it was no member. */
  #remove(member: Member): readonly Tenure[] | undefined {
    const at = this.#members.findIndex((other) => other.member === member)
    if (at < 0) return undefined
    for (const { unwatch } of this.#members.splice(at, 1)) unwatch()
    const lost: Tenure[] = []
    for (const slot of this.#slots) {
      if (slot.tenure?.member !== member) continue
      lost.push(slot.tenure)
      this.#vacate(slot)
    }
    return lost
  }

  #slot({ partition }: Tenure): Slot {
    return this.#slots[partition] as Slot
  }
}

/** A partition, in the coordinator's view. */
interface Slot {
  tenure: Tenure | undefined
  /** The tenure was sent notice; the partition goes to `target` when it is released, or overdue. */
  isRevoking: boolean
  overdue: Cancel
  target: Member | undefined
  committed: Offset | undefined
  readonly believers: Set<Tenure>
  readThrough: Offset
  /** The last two, the later one first. */
  owners: readonly (Member | undefined)[]
}
