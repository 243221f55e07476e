import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { check } from './check.ts'
import type { HistoryEvent } from './history.ts'
import { MUTATIONS } from './mutations.ts'
import { type Sent, Story } from './story.ts'

const SEED = Number(process.env.HFTEST_SEED ?? 1)
const RUNS = Number(process.env.HFTEST_SEEDS ?? 400)

test('[CHK18] whatever happens where everything is right, the run passes', () => {
  fc.assert(
    fc.property(deeds, (list) => {
      const { verdict, violations, reasons } = check(told(list))
      assert.equal(
        verdict,
        'pass',
        [...violations.map(({ rule, sentence }) => `${rule}: ${sentence}`), ...reasons].join('\n'),
      )
    }),
    { seed: SEED, numRuns: RUNS },
  )
})

test('[CHK18] whatever is then dropped, doubled, swapped, renumbered, altered or shown to a stranger, the run fails, unless that does no harm', () => {
  const failed = new Map<string, number>()
  fc.assert(
    fc.property(deeds, fc.constantFrom(...MUTATIONS), fc.nat(), (list, { name, mutate }, place) => {
      const mutated = mutate(told(list), (choices) => choices[place % choices.length])
      if (mutated === undefined) return
      const { verdict, violations } = check(mutated.history)
      const said = violations.map(({ rule, sentence }) => `${rule}: ${sentence}`).join('\n')
      // Of what does no harm nothing may be said: not even that too little is known.
      assert.equal(verdict, mutated.isHarmless ? 'pass' : 'fail', `${name}: ${said}`)
      if (verdict === 'fail') failed.set(name, (failed.get(name) ?? 0) + 1)
    }),
    { seed: SEED, numRuns: RUNS * 2 },
  )
  if (RUNS < 400) return
  for (const { name } of MUTATIONS) assert.ok((failed.get(name) ?? 0) > 3, `${name} was hardly ever tried`)
})

// ---- random good histories ---------------------------------------------------------------------------------------------

/** Dora is never in any room. */
const USERS = ['anna', 'ben', 'cara'] as const
const ROOMS = ['north', 'south'] as const

const deeds = fc.array(
  fc.record({ deed: fc.nat(17), room: fc.constantFrom(...ROOMS), user: fc.constantFrom(...USERS), number: fc.nat() }),
  { maxLength: 60, size: 'max' },
)

type Deed = typeof deeds extends fc.Arbitrary<readonly (infer D)[]> ? D : never

function told(list: readonly Deed[]): readonly HistoryEvent[] {
  const story = new Story()
  for (const user of [...USERS, 'dora']) story.connect(user)
  for (const room of ROOMS) story.create(room, 'anna', ['ben'])
  const sent: Sent[] = []
  for (const deed of list) happen(story, deed, sent)
  return story.end()
}

function happen(story: Story, { deed, room, user, number }: Deed, sent: Sent[]): void {
  const isMember = story.membersOf(room).includes(user)
  const sender = isMember ? user : 'anna'
  const session = story.sessions.find((one) => one.user === sender)?.name
  switch (deed) {
    case 0:
    case 1:
    case 2:
      sent.push(story.say(sender, room, number % 3 === 0 ? { isNameless: true } : {}))
      return
    case 3: {
      const cut = story.cut(story.message(sender, room, number % 3 === 0 ? { isNameless: true } : {}))
      story.store(cut)
      if (number % 2 === 0) sent.push(cut)
      return
    }
    case 4:
      story.cut(story.message(sender, room))
      return
    case 5: {
      const one = story.begin(story.message(sender, room))
      story.tell({ type: 'failed', try: one.try, code: 'OVERLOADED' })
      if (number % 2 === 0) story.tell({ type: 'abandoned', try: one.try })
      else sent.push(complete(story, story.begin(one.command)))
      return
    }
    case 6: {
      const one = sent[number % sent.length]
      if (one !== undefined) story.repeat(one)
      return
    }
    case 7:
      if (user === 'anna') return
      if (isMember) story.remove('anna', room, user)
      else story.add('anna', room, user)
      return
    case 8:
      if (isMember) story.refuse(story.begin(story.addition('anna', room, user)), 'ALREADY')
      else story.refuse(story.begin(story.message(user, room)), wasIn(story, room, user) ? 'NOT_A_MEMBER' : 'NOT_FOUND')
      return
    case 9:
      if (session !== undefined) story.reconnect(session)
      return
    case 10: {
      if (session === undefined) return
      const places = new Map(ROOMS.map((one) => [one, story.head(one)]))
      story.disconnect(session)
      story.say('anna', room)
      story.resume(sender, places)
      return
    }
    case 11:
      story.page(number % 2 === 0 ? story.visit(sender) : (session ?? story.visit(sender)), room, {
        after: number % 5,
        limit: 4,
      })
      return
    case 12:
      story.search(story.visit(sender), room)
      return
    case 13: {
      const both = ['anna', sender].map((one) => story.begin(story.message(one, room)))
      for (const one of both) story.accept(one)
      for (const one of sender === 'anna' || number % 2 === 0 ? both : both.reverse()) story.store(one)
      for (const one of both) story.tellStored(one, { duplicate: false })
      return
    }
    case 14: {
      if (sender === 'anna') return
      story.tell({ type: 'lane_waits', room, sender })
      const behind = story.begin(story.message(sender, room))
      story.accept(behind)
      sent.push(story.say('anna', room))
      if (number % 3 === 0) story.die(behind, 'SENDER_UNKNOWN')
      else {
        story.store(behind)
        story.tellStored(behind, { duplicate: false })
      }
      story.tell({ type: 'lane_goes_on', room, sender })
      return
    }
    case 15: {
      const poison = story.begin(story.message(sender, room, { poison: true }))
      story.die(poison, 'UNPROCESSABLE')
      if (number % 2 === 0) story.replay(poison)
      return
    }
    case 16:
      if (number % 4 === 0) story.restore(room, 1 + (number % story.head(room)))
      return
    case 17: {
      const rival = sent[number % sent.length]
      if (rival === undefined) return
      const { room: place, sender: owner, clientId } = rival.command
      const other = story.begin(story.message(owner, place, { clientId, text: `rival ${number}` }))
      if (number % 2 === 0) story.tell({ type: 'refused', try: other.try, code: 'ID_REUSED' })
      else story.tell({ type: 'unknown', try: other.try, why: 'cut' })
      return
    }
  }
}

function complete(story: Story, one: Sent): Sent {
  story.accept(one)
  story.store(one)
  story.tellStored(one, { duplicate: false })
  return one
}

function wasIn(story: Story, room: string, user: string): boolean {
  return story.history.some(
    (event) => event.type === 'begin' && event.command.room === room && event.command.adds?.includes(user),
  )
}
