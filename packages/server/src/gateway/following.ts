import { aboutRoom } from '../core/about.ts'
import { partitionOf } from '../core/identity.ts'
import { readable } from '../core/readable.ts'
import type { RoomDocument, RoomId, RoomView } from '../ports/store.ts'
import type { Context } from './context.ts'
import { type EntryFrame, frameOfEntry } from './frames.ts'
import { isBeyond, type Point } from './point.ts'
import type { Session } from './session.ts'
import { remember } from './shown.ts'

export interface Opening {
  /** Where the client is. */
  readonly place: Point | undefined
  /** What the feed has shown already: a read below it is old. */
  readonly need: Point
  /** Called when the room is open, before anything is pushed. Without access a Problem is thrown to who asked. */
  readonly asked: (() => void) | undefined
}

const NOWHERE: Point = { epoch: 0, seq: 0 }

/** Opens a room in a session, if it is not open: subscribe first, then read (G5). Resolves when the session is at the room's head. */
export async function follow(
  context: Context,
  session: Session,
  room: RoomId,
  { place, need = NOWHERE, asked }: Partial<Opening> = {},
): Promise<void> {
  const { live } = session
  if (live === undefined || live.rooms.has(room)) return
  const following = new Following(context, session, room, need)
  live.rooms.set(room, following)
  context.hub.follow(following)
  await following.open({ place, need, asked })
}

/**
 * One room, followed by one session (G7, G9, G10, G11; the model is `Session` of the reading side).
 * Invariant: everything up to (`epoch`, `pos`) has been pushed, contiguously, or stands in a gap; `top` is the highest place anybody
 * has shown. While `isBusy`, one opening or fill is running and nobody else pushes: bodies that come meanwhile are dropped, the fill reads them.
 */
export class Following {
  readonly room: RoomId
  readonly #context: Context
  readonly #session: Session
  #epoch = 0
  #pos = 0
  #topEpoch: number
  #topSeq: number
  #isBusy = true
  /** The seq of the membership this rests on: an older removal is history. */
  #since = 0

  constructor(context: Context, session: Session, room: RoomId, need: Point) {
    this.#context = context
    this.#session = session
    this.room = room
    this.#topEpoch = need.epoch
    this.#topSeq = need.seq
  }

  /** Where the session is. */
  get position(): Point {
    return { epoch: this.#epoch, seq: this.#pos }
  }

  /** Reads (epoch, head), entries, membership, and opens the room with it, or closes it again. */
  async open(opening: Opening): Promise<void> {
    const view = await this.#fresh(opening)
    if (view === undefined) return
    const { epoch, head, document, member } = view
    this.#context.hub.sawEpoch(this.#partition, epoch)
    const mayRead = member?.role !== undefined || (this.#isAdministrator && this.#isWanted(opening))
    if (document === undefined || !mayRead) return this.#turnAway(view, opening)
    this.#epoch = epoch
    this.#since = member?.seq ?? 0
    opening.asked?.()
    this.#announce(view, document, opening.place)
    this.#raiseTop(epoch, head)
    if (this.#pos === opening.place?.seq) this.#pushAll(view)
    await this.#fill()
  }

  /** The feed, or a read, shows that the room is at this place; `frame` is the entry there, where it is known. */
  saw(epoch: number, seq: number, frame?: EntryFrame): void {
    this.#raiseTop(epoch, seq)
    if (this.#isBusy || !isBeyond(epoch, seq, this.#epoch, this.#pos)) return
    if (frame !== undefined && epoch === this.#epoch && seq === this.#pos + 1) {
      this.#push(frame)
      return
    }
    this.#isBusy = true
    this.#session.spawn(this.#fill())
  }

  /** A survey no longer shows this room among the user's: what was missed is read, the removal among it. */
  async recheck(): Promise<void> {
    const view = await this.#read({ after: undefined, entriesMax: 0 })
    if (view !== undefined) this.saw(view.epoch, view.head)
  }

  leave(): void {
    if (this.#isOpen) this.#session.live?.rooms.delete(this.room)
    this.#context.hub.unfollow(this)
  }

  // ---- opening ---------------------------------------------------------------------------------------------------------

  /** A read that is not older than what the feed, another read or the client's position has shown (G11). */
  async #fresh({ place, need }: Opening): Promise<RoomView | undefined> {
    const { settings, reads, hub, clock } = this.#context
    const begun = clock.elapsed()
    for (let tries = 0; ; tries++) {
      const view = await this.#read({
        after: place?.seq,
        entriesMax: place === undefined ? 0 : settings.fillEntriesMax,
      })
      if (view === undefined) return undefined
      const { epoch, head } = view
      // Pages may have shown more while this read was on its way.
      const { epoch: shownEpoch, seq: shown } = this.#session.live?.shown?.get(this.room) ?? need
      const isOld =
        epoch < hub.epochOf(this.#partition) ||
        isBeyond(need.epoch, need.seq, epoch, head) ||
        isBeyond(shownEpoch, shown, epoch, head)
      const isDoubted = place !== undefined && isBeyond(place.epoch, place.seq, epoch, head)
      // A client may name any place: so many fresh reads, over so long, are believed against it.
      const isBelieved = tries + 1 >= settings.openTriesMax && clock.elapsed() - begun >= settings.openDoubtMs
      if (!isOld && (!isDoubted || isBelieved)) return view
      await reads.pause(tries)
    }
  }

  /** Says where the room goes on: after the client's place, or after the head. */
  #announce({ epoch, head }: RoomView, document: RoomDocument, place: Point | undefined): void {
    const { room } = this
    const about = aboutRoom(document)
    const isRecovered = place !== undefined && place.epoch === epoch && place.seq <= head
    const isFar = isRecovered && head - place.seq > this.#context.settings.resumeEntriesMax
    this.#pos = isRecovered && !isFar ? place.seq : head
    // A gap never covers its reader's own membership change (G10): whoever came back meanwhile is joined anew.
    if (place === undefined || (isFar && this.#since > place.seq))
      this.#session.push({ type: 'joined', room, epoch, head, about })
    else {
      const seq = isRecovered ? place.seq : head
      this.#session.push({ type: 'resumed', room, epoch, seq, recovered: isRecovered, about })
      if (isFar) this.#session.push({ type: 'gap', room, epoch, from: seq + 1, to: head })
    }
  }

  /** No longer a member, or never one: not even the head is told (G5). */
  #turnAway(view: RoomView, { place, asked }: Opening): void {
    this.leave()
    if (place !== undefined && asked === undefined) this.#session.push({ type: 'left', room: this.room })
    // What the feed has shown meanwhile may be an addition that this read does not know.
    const hasNews = isBeyond(this.#topEpoch, this.#topSeq, view.epoch, view.head)
    if (hasNews && this.#topSeq > (view.member?.seq ?? 0)) this.#openAnew(undefined, this.#top)
    if (asked !== undefined) readable(view, { administrator: false })
  }

  #isWanted({ place, asked }: Opening): boolean {
    return place !== undefined || asked !== undefined
  }

  // ---- filling ---------------------------------------------------------------------------------------------------------

  /** Pushes what is missing from the store, until the session has everything that anybody has shown. */
  async #fill(): Promise<void> {
    const { reads, settings } = this.#context
    for (let tries = 0; this.#isBehind; tries++) {
      const view = await this.#read({ after: this.#pos, entriesMax: settings.fillEntriesMax })
      if (view === undefined) return
      if (view.epoch > this.#epoch) return this.#startOver(view.epoch)
      const from = this.#pos
      if (view.epoch === this.#epoch && this.#topEpoch === this.#epoch) this.#pushAll(view)
      // An old read, or the feed is ahead of this one.
      if (this.#pos === from) await reads.pause(tries)
      else tries = 0
    }
    this.#isBusy = false
  }

  /** Pushes entries in order; after its own removal a session gets nothing more until an addition opens the room anew. */
  #pushAll({ entries, member }: RoomView): void {
    // A membership read that is newer than a removal on its way makes that removal history.
    if (member?.role !== undefined && member.seq > this.#since) this.#since = member.seq
    for (const entry of entries) {
      if (!this.#isOpen) break
      if (entry.seq === this.#pos + 1) this.#push(frameOfEntry(entry, this.#epoch))
    }
    const isOut = !this.#isOpen && this.#session.live !== undefined
    if (isOut && this.#topEpoch === this.#epoch && this.#topSeq > this.#pos) this.#openAnew(undefined, this.#top)
  }

  #push(frame: EntryFrame): void {
    this.#pos = frame.seq
    this.#session.pushEntry(frame)
    if (frame.subjects.length === 0 || !frame.subjects.includes(this.#session.live?.identity.user ?? '')) return
    if (!frame.removes) this.#since = frame.seq
    else if (frame.seq > this.#since) {
      // Whoever asks again is not let in by a read from before.
      if (this.#session.live !== undefined) remember(this.#session.live, this.room, this.position)
      this.leave()
      this.#session.push({ type: 'left', room: this.room })
    }
  }

  /** History was restored or lost (G7): the client hears `recovered: false` and begins where history ends now. */
  #startOver(epoch: number): void {
    this.#context.hub.sawEpoch(this.#partition, epoch)
    this.leave()
    this.#openAnew(this.position, this.#topEpoch > this.#epoch ? this.#top : NOWHERE)
  }

  #openAnew(place: Point | undefined, need: Point): void {
    this.#session.spawn(follow(this.#context, this.#session, this.room, { place, need }))
  }

  // ---- pieces ----------------------------------------------------------------------------------------------------------

  #read({ after, entriesMax }: { after: number | undefined; entriesMax: number }): Promise<RoomView | undefined> {
    const user = this.#session.live?.identity.user
    const request = { room: this.room, user, after, before: undefined, entriesMax }
    const { reads } = this.#context
    return reads.untilRead(
      () => reads.view(request),
      () => this.#isOpen,
    )
  }

  #raiseTop(epoch: number, seq: number): void {
    if (!isBeyond(epoch, seq, this.#topEpoch, this.#topSeq)) return
    this.#topEpoch = epoch
    this.#topSeq = seq
  }

  get #top(): Point {
    return { epoch: this.#topEpoch, seq: this.#topSeq }
  }

  get #isBehind(): boolean {
    return this.#isOpen && isBeyond(this.#topEpoch, this.#topSeq, this.#epoch, this.#pos)
  }

  get #isOpen(): boolean {
    return this.#session.live?.rooms.get(this.room) === this
  }

  get #isAdministrator(): boolean {
    return this.#session.live?.identity.administrator === true
  }

  get #partition(): number {
    return partitionOf(this.room, this.#context.partitions)
  }
}
