import type { Intake } from '../core/intake.ts'
import type { RoomOfUser, Survey, UserId } from '../ports/store.ts'
import type { Cancel, Service } from '../ports/system.ts'
import type { Context } from './context.ts'
import { follow } from './following.ts'
import type { Session } from './session.ts'

/**
 * What the feed may have said while nobody listened, read from the store: the ends of everybody who waits, epochs, heads and
 * memberships. After every establishment of the tail (G1), when a higher epoch shows, and every `sweepMs` (G11).
 */
export class CatchUp implements Service {
  readonly #context: Context
  readonly #intake: Pick<Intake, 'lookUp'>
  #isRunning = false
  /** Asked for while it ran: what it had read by then may be too old. */
  #isWantedAgain = false
  #isStopped = false
  #cancelSweep: Cancel = () => {}

  constructor(context: Context, intake: Pick<Intake, 'lookUp'>) {
    this.#context = context
    this.#intake = intake
  }

  async start(): Promise<void> {
    this.#sweepLater()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancelSweep()
  }

  /** Reads everything again, from now on. */
  run(): void {
    if (this.#isRunning) this.#isWantedAgain = true
    else void this.#run()
  }

  #sweepLater(): void {
    const { clock, settings, establishment } = this.#context
    this.#cancelSweep = clock.after(settings.sweepMs, () => {
      if (establishment.isUp) this.run()
      this.#sweepLater()
    })
  }

  async #run(): Promise<void> {
    const { reads, logger } = this.#context
    this.#isRunning = true
    for (let tries = 0; !this.#isStopped; ) {
      this.#isWantedAgain = false
      try {
        await this.#readAgain()
        tries = 0
        if (!this.#isWantedAgain) break
      } catch (cause) {
        logger.warn({ cause }, 'the store cannot be read: answers and pushes may be late')
        await reads.pause(tries++)
      }
    }
    this.#isRunning = false
  }

  async #readAgain(): Promise<void> {
    const { hub, reads, settings } = this.#context
    await this.#intake.lookUp()
    const users = hub.users()
    for (let i = 0; i < users.length && !this.#isStopped; i += settings.surveyUsersMax) {
      const some = users.slice(i, i + settings.surveyUsersMax)
      const survey = await reads.survey(some)
      for (const [partition, epoch] of survey.epochs.entries()) hub.sawEpoch(partition, epoch)
      for (const user of some) this.#apply(user, survey)
    }
  }

  #apply(user: UserId, survey: Survey): void {
    const rooms = new Map(survey.rooms.get(user)?.map((room) => [room.document.room, room]))
    for (const session of this.#context.hub.sessionsOf(user)) this.#tell(session, rooms)
  }

  #tell(session: Session, rooms: ReadonlyMap<string, RoomOfUser>): void {
    const { live } = session
    if (live === undefined) return
    for (const following of [...live.rooms.values()]) {
      const room = rooms.get(following.room)
      if (room === undefined) session.spawn(following.recheck())
      else following.saw(room.epoch, room.head)
    }
    // A session that is still opening its rooms looks for itself.
    if (!live.isReady) return
    for (const room of rooms.keys()) if (!live.rooms.has(room)) session.spawn(follow(this.#context, session, room))
  }
}
