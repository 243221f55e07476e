import assert from 'node:assert/strict'
import { Session } from 'node:inspector/promises'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { check } from './check.ts'
import type { HistoryEvent } from './history.ts'
import { Story } from './story.ts'

// Compiled code is not counted in full; nothing of the checker has been compiled yet.
for (const flag of ['--no-opt', '--no-maglev', '--no-sparkplug']) setFlagsFromString(flag)

/** What grows in a run, each in a history of its own. */
const SHAPES: Readonly<Record<string, (eventsMin: number) => readonly HistoryEvent[]>> = {
  'one room': (eventsMin) => grown(eventsMin, (story) => void story.say('anna', 'room')),
  'many rooms': (eventsMin) =>
    grown(eventsMin, (story, i) => {
      story.create(`room ${i}`, 'anna')
      story.say('anna', `room ${i}`)
    }),
  'many sessions': (eventsMin) =>
    grown(eventsMin, (story) => {
      story.disconnect(story.connect('ben'))
      if (story.head('room') < 50) story.say('anna', 'room')
    }),
  'tries of one command': (eventsMin) => {
    const story = new Story()
    story.create('room', 'anna')
    const sent = story.say('anna', 'room')
    while (story.history.length < eventsMin) story.repeat(sent)
    return story.end()
  },
  'rivals for one identity': (eventsMin) =>
    grown(eventsMin, (story, i) => {
      const rival = story.begin(story.message('anna', 'room', { clientId: 'one', text: `${i}` }), { client: undefined })
      if (i === 0) {
        story.store(rival)
        story.tellStored(rival, { duplicate: false })
      } else story.tell({ type: 'refused', try: rival.try, code: 'ID_REUSED' })
    }),
  'coming and going': (eventsMin) =>
    grown(eventsMin, (story, i) => {
      story.add('anna', 'room', `user ${i % 3}`)
      story.remove('anna', 'room', `user ${i % 3}`)
    }),
  'pages of a room': (eventsMin) => {
    const story = new Story()
    story.create('room', 'anna')
    for (let i = 0; i < 50; i++) story.say('anna', 'room')
    const session = story.visit('anna')
    while (story.history.length < eventsMin / 10) story.page(session, 'room', { after: 20, limit: 10 })
    return story.end()
  },
  epochs: (eventsMin) =>
    grown(eventsMin, (story, i) => {
      if (i === 0) story.connect('anna')
      story.say('anna', 'room')
      story.restore('room', story.head('room') - 1)
    }),
  'lost commands': (eventsMin) =>
    grown(eventsMin, (story) => story.accept(story.begin(story.message('anna', 'room'), { client: undefined }))),
}

function grown(eventsMin: number, more: (story: Story, i: number) => void): readonly HistoryEvent[] {
  const story = new Story()
  story.create('room', 'anna')
  for (let i = 0; story.history.length < eventsMin; i++) more(story, i)
  return story.end()
}

test('[CHK19] a history of ten times as many events takes n·log n as many steps', async () => {
  for (const [name, shape] of Object.entries(SHAPES)) {
    const most = name === 'one room' ? 100_000 : 40_000
    const [small, large] = [shape(most / 10), shape(most)]
    // A function's first call is counted differently.
    check(shape(100))
    assert.ok(sizeOf(large) >= most)
    const growth = (await stepsOf(large)) / (await stepsOf(small))
    const [n, m] = [sizeOf(small), sizeOf(large)]
    const allowed = (m * Math.log2(m)) / (n * Math.log2(n))
    assert.ok(
      growth < allowed * 1.1,
      `${name}: ${growth.toFixed(2)} times the steps for ${(m / n).toFixed(2)} times the size`,
    )
  }
})

const CHECKER = new URL('.', import.meta.url).href

/** Events, and the entries in them. */
function sizeOf(history: readonly HistoryEvent[]): number {
  return history.reduce((sum, event) => sum + 1 + ('entries' in event ? event.entries.length : 0), 0)
}

/** How often the checker's functions, branches and loops were entered: counted by V8, so it is the same on a busy machine. */
async function stepsOf(history: readonly HistoryEvent[]): Promise<number> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  check(history)
  const { result } = await session.post('Profiler.takePreciseCoverage')
  await session.post('Profiler.stopPreciseCoverage')
  session.disconnect()
  let steps = 0
  for (const { url, functions } of result) {
    if (!url.startsWith(CHECKER)) continue
    for (const { ranges } of functions) for (const { count } of ranges) steps += count
  }
  assert.ok(steps > history.length, 'the steps were counted')
  return steps
}
