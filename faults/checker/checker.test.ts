import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CheckOptions, check, RULES } from './check.ts'
import { type Command, fromLines, type HistoryEvent, toLines } from './history.ts'
import { changed, eventOf, inserted, type Sent, Story, without } from './story.ts'

type History = readonly HistoryEvent[]

/** Anna's room, with Ben in it; Dora is nobody there. Each has a session. The messages stand at 2 to 4. */
function lobby(): Story {
  const story = new Story()
  for (const user of ['anna', 'ben', 'dora']) story.connect(user)
  story.create('lobby', 'anna', ['ben'])
  for (const user of ['anna', 'ben', 'anna']) story.say(user, 'lobby')
  return story
}

/** The same, seen by nobody: what is known is known by answers. */
function quietRoom(): Story {
  const story = new Story()
  story.create('lobby', 'anna', ['ben'])
  return story
}

const caught = new Set<string>()

/** The history breaks this rule, and no other: without the rule it passes. */
function onlyBreaks(name: string, history: History, options: CheckOptions = {}): readonly string[] {
  caught.add(name)
  const { verdict, violations } = check(history, options)
  const sentences = violations.map(({ rule, sentence }) => `${rule}: ${sentence}`)
  assert.deepEqual([...new Set(violations.map(({ rule }) => rule))], [name], sentences.join('\n'))
  assert.equal(verdict, 'fail')
  assert.ok(
    violations.every(({ records }) => records.length > 0),
    'a violation shows what conflicts',
  )
  const all = options.rules ?? RULES
  const rules = all.filter((rule) => rule.name !== name)
  assert.ok(rules.length < all.length, `there is no rule ${name}`)
  const rest = check(history, { ...options, rules })
  assert.equal(rest.verdict, 'pass', rest.reasons.join('\n'))
  return violations.map(({ sentence }) => sentence)
}

function passes(history: History, options: CheckOptions = {}): void {
  const { verdict, violations, reasons } = check(history, options)
  const said = [...violations.map(({ rule, sentence }) => `${rule}: ${sentence}`), ...reasons].join('\n')
  assert.equal(verdict, 'pass', said)
}

function sessionOf(history: History, user: string): string {
  return eventOf(history, 'connected', (event) => event.user === user).session
}

/** Nobody claims any more that a session read everything. */
function unread(history: History): History {
  return changed(history, 'quiet', () => ({ sessions: [] }))
}

/** Both final reads of the room, changed. */
function reread(
  history: History,
  change: (read: HistoryEvent & { type: 'history' }) => Partial<HistoryEvent & { type: 'history' }>,
): History {
  return changed(history, 'history', change)
}

// ---- what is good ------------------------------------------------------------------------------------------------------

test('[CHK1] a history is lines of JSON, and a line that is no event is named', () => {
  const history = lobby().end()
  assert.deepEqual(fromLines(toLines(history)), history)
  assert.deepEqual(fromLines(''), [])
  assert.throws(() => fromLines(`${toLines(history.slice(0, 2))}{"type":"begin"`), /line 3 of the history/)
  assert.throws(() => fromLines('42\n'), /line 1 of the history/)
})

test('[CHK2] a run in which everything is right passes, with everything that is legal', () => {
  const story = lobby()
  story.tell({ type: 'fault_start', name: 'kill', target: 'worker', evidence: '' })
  // A try without an answer turns up, another never does, a third is answered only when it is sent again.
  story.store(story.cut(story.message('ben', 'lobby', { isNameless: true })))
  story.cut(story.message('ben', 'lobby'), { client: undefined })
  const cut = story.cut(story.message('anna', 'lobby'))
  story.store(cut)
  story.repeat(cut)
  // Refused before the log, then sent again; refused by a rule; a success that changed nothing.
  const late = story.begin(story.message('anna', 'lobby'))
  story.tell({ type: 'failed', try: late.try, code: 'OVERLOADED' })
  const again = story.begin(late.command)
  story.accept(again)
  story.store(again)
  story.tellStored(again, { duplicate: false })
  story.refuse(story.begin(story.message('dora', 'lobby')), 'NOT_FOUND')
  story.refuse(story.begin(story.addition('anna', 'lobby', 'ben')), 'ALREADY')
  // One identity, two contents.
  const { clientId } = again.command
  const rival = story.begin(story.message('anna', 'lobby', { clientId, text: 'another' }))
  story.accept(rival)
  story.tell({ type: 'refused', try: rival.try, code: 'ID_REUSED' })
  const hopeless = story.begin(story.message('anna', 'lobby', { poison: true }))
  story.die(hopeless, 'UNPROCESSABLE')
  const contender = story.message('anna', 'lobby', { clientId: hopeless.command.clientId, text: 'another' })
  story.tell({ type: 'refused', try: story.begin(contender).try, code: 'ID_REUSED' })
  // One identity, two contents, and a claim that does not say of which: one is so already, the other would not be.
  const same = story.begin(story.addition('anna', 'lobby', 'ben'))
  story.claims.push({ id: same.id, end: 'refused', code: 'ALREADY' })
  story.tell({ type: 'refused', try: same.try, code: 'ALREADY' })
  const differing = { ...same.command, hash: 'another', adds: ['dora'] }
  story.tell({ type: 'refused', try: story.begin(differing).try, code: 'ID_REUSED' })
  // Dead, by poison and by a doubt that was given up; the first is replayed.
  const poison = story.begin(story.message('ben', 'lobby', { poison: true }))
  story.die(poison, 'UNPROCESSABLE')
  story.replay(poison)
  story.tell({ type: 'poison', id: 'commands/0/7' })
  story.claims.push({ id: 'commands/0/7', end: 'dead', code: 'UNPROCESSABLE' })
  story.letters.push({ id: 'commands/0/7', state: 'discarded' })
  story.tell({ type: 'lane_waits', room: 'lobby', sender: 'ben' })
  const doubtful = story.begin(story.message('ben', 'lobby'))
  story.accept(doubtful)
  story.say('anna', 'lobby')
  story.die(doubtful, 'SENDER_UNKNOWN')
  story.tell({ type: 'lane_goes_on', room: 'lobby', sender: 'ben' })
  story.tell({ type: 'fault_stop', name: 'kill', target: 'worker', evidence: 'pid 12 is pid 34' })
  // In, out, in again; away meanwhile, twice.
  story.add('anna', 'lobby', 'dora')
  story.remove('anna', 'lobby', 'dora')
  const away = story.disconnect(sessionOf(story.history, 'dora'))
  story.say('anna', 'lobby')
  story.resume(away, new Map([['lobby', 4]]))
  story.add('anna', 'lobby', 'dora')
  const ben = story.reconnect(sessionOf(story.history, 'ben'))
  story.page(ben, 'lobby', { after: 3, limit: 5 })
  story.search(ben, 'lobby')
  story.tell({ type: 'counted', name: 'stale commit', times: 2 })
  const history = story.end()
  passes(history, {
    acknowledgedMin: 15,
    acknowledgedInFaultsMin: 5,
    faults: ['kill'],
    interesting: ['stale commit'],
    recoveryMsMax: 10,
  })
  // The content of what is claimed may be unknown.
  passes(changed(history, 'claims', ({ claims }) => ({ claims: claims.map(({ hash: _, ...claim }) => claim) })))
})

test('[CHK2] a store that was set back is judged epoch by epoch', () => {
  const story = lobby()
  story.add('anna', 'lobby', 'dora')
  story.page(story.visit('dora'), 'lobby')
  story.search(story.visit('dora'), 'lobby')
  story.restore('lobby', 3)
  story.remove('anna', 'lobby', 'ben')
  story.restore('lobby', 3)
  story.repeat({ ...story.cut(story.message('anna', 'lobby')), ...story.sentAt('lobby', 2) })
  const history = story.end()
  passes(history)
  // Where no room is named, all are meant.
  passes(history.map((event) => (event.type === 'restored' ? { type: 'restored', t: event.t } : event)))
  // What an older epoch left in the dead-letter log stays there, and a hit may be of a time of which nothing else is known.
  passes(changed(history, 'letter_log', () => ({ ids: ['of an older epoch'] })))
  passes(
    changed(history, 'search', ({ hits }) => ({
      hits: hits.map((hit) => (hit.seq === 3 ? { ...hit, seq: 4 } : hit)),
    })),
  )

  // What was refused under it may be claimed still.
  const refused = lobby()
  refused.refuse(refused.begin(refused.message('ben', 'lobby')), 'NOT_A_MEMBER')
  refused.restore('lobby', 2)
  passes(refused.end())

  // Under the older epoch another order was told, and a refusal of what is stored now: nobody is bound by it any more.
  const reordered = lobby()
  const early = reordered.begin(reordered.message('ben', 'lobby'))
  reordered.tell({ type: 'refused', try: early.try, code: 'NOT_A_MEMBER' })
  reordered.restore('lobby', 2)
  reordered.store(early)
  reordered.repeat(early)
  passes(reordered.end())
})

test('[CHK2] in an older epoch a stranger is a stranger, and an addition that nobody saw may have been', () => {
  const story = lobby()
  const epoch = { room: 'lobby', epoch: 1 }
  const old = [1, 2].map((seq) => story.entryAt('lobby', seq))
  const visit = story.visit('dora')
  const added = story.cut(story.addition('anna', 'lobby', 'dora'))
  const page = { type: 'page', begun: story.now, session: visit, ...epoch, head: 2, entries: old } as const
  story.tell(page)
  story.restore('lobby', 3)
  const history = story.end()
  passes(history)
  onlyBreaks(
    'shown',
    without(history, (event) => 'try' in event && event.try === added.try),
  )
  // Of the last epoch all is known: what is not in it never was.
  const now = lobby()
  now.cut(now.addition('anna', 'lobby', 'dora'))
  now.page(now.visit('dora'), 'lobby')
  onlyBreaks('shown', now.end())
})

test('[CHK2, CHK13] in an older epoch a removal that somebody saw counts, unless the store was set back to before it', () => {
  const story = lobby()
  story.remove('anna', 'lobby', 'ben')
  story.say('anna', 'lobby')
  const seq = 6
  const beyond = { type: 'page', begun: 0, session: story.visit('ben'), room: 'lobby', epoch: 1, head: seq } as const
  const page = { ...beyond, entries: [story.entryAt('lobby', seq)] }
  story.restore('lobby', 3)
  const isRestore = ({ type }: HistoryEvent) => type === 'restored'
  const history = story.end()
  onlyBreaks(
    'shown',
    inserted(history, page, (event) => event.t < eventOf(history, 'restored').t),
  )
  passes(inserted(history, page, isRestore))

  // Whoever is in no later epoch was not set back to.
  const gone = lobby()
  for (const command of [gone.addition('anna', 'lobby', 'dora'), gone.removal('anna', 'lobby', 'dora')])
    gone.store(gone.cut(command))
  gone.store(gone.cut(gone.message('anna', 'lobby')))
  const entries = [gone.entryAt('lobby', 7)]
  const session = gone.visit('dora')
  gone.restore('lobby', 4, { isInLog: false })
  onlyBreaks('shown', inserted(gone.end(), { ...page, session, head: 7, entries }, isRestore))
})

// ---- I1 ----------------------------------------------------------------------------------------------------------------

test('[CHK3] no loss: an accepted command that is nowhere, at any part of its sender’s run', () => {
  for (const [lost, where] of [
    [[0], 'a prefix of the run'],
    [[1], 'the middle of the run'],
    [[2], 'the end of the run'],
    [[0, 2], 'several pieces of the run'],
    [[0, 1, 2], 'the whole run'],
  ] as const) {
    const story = quietRoom()
    for (const i of [0, 1, 2]) {
      const sent = story.begin(story.message('ben', 'lobby'))
      story.accept(sent)
      if (!lost.some((one) => one === i)) story.store(sent)
    }
    const [sentence] = onlyBreaks('lost', story.end())
    assert.match(sentence ?? '', new RegExp(`^${lost.length} of 3 acknowledged .*: ${where}`))
  }
})

test('[CHK3] no loss: a refusal that left no claim, and a record that is no command and died nowhere', () => {
  const story = lobby()
  story.refuse(story.begin(story.addition('anna', 'lobby', 'ben')), 'ALREADY')
  onlyBreaks(
    'lost',
    changed(story.end(), 'claims', () => ({ claims: [] })),
  )
  const poisoned = lobby()
  poisoned.tell({ type: 'poison', id: 'commands/0/7' })
  onlyBreaks('lost', poisoned.end())
})

test('[CHK3] one end: what is stored is not claimed, and nothing is claimed twice', () => {
  const story = lobby()
  story.claims.push({ id: story.entryAt('lobby', 3).id, end: 'refused', code: 'CONFLICT' })
  onlyBreaks('ended', story.end())

  const twice = lobby()
  twice.refuse(twice.begin(twice.addition('anna', 'lobby', 'ben')), 'ALREADY')
  twice.claims.push(...twice.claims)
  onlyBreaks('ended', twice.end())
})

test('[CHK3] the end that was told is the end that there is', () => {
  const stored = lobby()
  const one = stored.begin(stored.message('ben', 'lobby'))
  stored.store(one)
  stored.tell({ type: 'refused', try: one.try, code: 'CONFLICT' })
  onlyBreaks('told', stored.end())

  const refused = lobby()
  refused.refuse(refused.begin(refused.addition('anna', 'lobby', 'ben')), 'ALREADY')
  const history = refused.end()
  for (const end of [
    { type: 'dead', code: 'UNPROCESSABLE' },
    { type: 'refused', code: 'CONFLICT' },
    { type: 'refused', code: 'ID_REUSED' },
  ] as const)
    onlyBreaks(
      'told',
      changed(history, 'refused', () => end as object),
    )

  const rival = lobby()
  const { clientId } = rival.say('ben', 'lobby', { text: 'one' }).command
  const other = rival.begin(rival.message('ben', 'lobby', { clientId, text: 'another' }))
  rival.tell({ type: 'refused', try: other.try, code: 'CONFLICT' })
  onlyBreaks('told', rival.end())
})

test('[CHK3] who is dead has a letter and a record, and nobody else', () => {
  const story = () => {
    const told = lobby()
    const sent = told.begin(told.message('ben', 'lobby', { poison: true }))
    told.accept(sent)
    told.die(sent, 'UNPROCESSABLE')
    return { told, sent }
  }
  passes(story().told.end())
  onlyBreaks(
    'buried',
    changed(story().told.end(), 'letter_log', () => ({ ids: [] })),
  )
  onlyBreaks(
    'buried',
    changed(story().told.end(), 'letters', () => ({ letters: [] })),
  )
  const stranger = story()
  stranger.told.letters.push({ id: stranger.told.entryAt('lobby', 2).id, state: 'open' })
  onlyBreaks('buried', stranger.told.end())
  onlyBreaks(
    'buried',
    changed(story().told.end(), 'letter_log', ({ ids }) => ({ ids: [...ids, 'another'] })),
  )
  onlyBreaks(
    'buried',
    changed(story().told.end(), 'letters', ({ letters }) => ({
      letters: [...letters, { id: 'another', state: 'open' }],
    })),
  )
  const halfway = story()
  halfway.told.letters[0] = { id: halfway.sent.id, state: 'replayed', replayedAs: 'the next try' }
  halfway.told.cut({ ...halfway.sent.command, id: 'the next try', replay: 1 })
  onlyBreaks('buried', halfway.told.end())
  const { told, sent } = story()
  onlyBreaks(
    'buried',
    changed(told.end(), 'letters', () => ({
      letters: [{ id: sent.id, state: 'replayed', replayedAs: `${sent.id}~1` }],
    })),
  )
})

test('[CHK3] nothing dies without a cause', () => {
  const story = lobby()
  story.die(story.begin(story.message('ben', 'lobby')), 'SENDER_UNKNOWN')
  onlyBreaks('causes', story.end())
})

// ---- I2 ----------------------------------------------------------------------------------------------------------------

test('[CHK4] no phantom: in history, in a claim, or altered on the way', () => {
  const made = { id: 'made up', sender: 'anna', hash: 'made up' }
  onlyBreaks(
    'phantom',
    reread(unread(lobby().end()), ({ head, entries }) => ({
      head: head + 1,
      entries: [...entries, { ...made, seq: head + 1 }],
    })),
  )
  const claimed = lobby()
  claimed.claims.push({ id: 'made up', end: 'refused', code: 'CONFLICT' })
  onlyBreaks('phantom', claimed.end())
  for (const alteration of [{ hash: 'another' }, { sender: 'dora' }]) {
    const story = lobby()
    story.page(story.visit('ben'), 'lobby')
    story.search(story.visit('ben'), 'lobby')
    const history = story.end()
    onlyBreaks(
      'phantom',
      changed(history, 'entry', ({ entry }) => (entry.seq === 3 ? { entry: { ...entry, ...alteration } } : undefined)),
    )
    onlyBreaks(
      'phantom',
      changed(history, 'page', ({ entries }) => ({
        entries: entries.map((entry) => (entry.seq === 3 ? { ...entry, ...alteration } : entry)),
      })),
    )
    onlyBreaks(
      'phantom',
      changed(history, 'search', ({ hits }) => ({
        hits: hits.map((hit) => (hit.seq === 3 ? { ...hit, ...alteration } : hit)),
      })),
    )
  }
})

test('[CHK4] what every try of was refused before the log is nowhere', () => {
  const stored = lobby()
  const one = stored.begin(stored.message('ben', 'lobby'))
  stored.tell({ type: 'failed', try: one.try, code: 'OVERLOADED' })
  stored.store(one)
  onlyBreaks('impossible', stored.end())

  const claimed = lobby()
  const other = claimed.begin(claimed.message('ben', 'lobby'))
  claimed.tell({ type: 'failed', try: other.try, code: 'OVERLOADED' })
  claimed.claims.push({ id: other.id, end: 'refused', code: 'CONFLICT' })
  onlyBreaks('impossible', claimed.end())
})

// ---- I3 ----------------------------------------------------------------------------------------------------------------

test('[CHK5] no duplicate: a command twice, under one id or under two', () => {
  const history = unread(lobby().end())
  const again = (id: string | undefined) =>
    reread(history, ({ head, entries }) => {
      const entry = entries.find(({ seq }) => seq === 3)
      assert.ok(entry)
      return { head: head + 1, entries: [...entries, { ...entry, id: id ?? entry.id, seq: head + 1 }] }
    })
  onlyBreaks('doubled', again(undefined))
  onlyBreaks('doubled', again('a second id'))
})

test('[CHK5] no duplicate: a command and its replay are not both stored', () => {
  const story = lobby()
  const sent = story.begin(story.message('ben', 'lobby', { poison: true }))
  story.die(sent, 'UNPROCESSABLE')
  const again = story.replay(sent)
  passes(story.end())
  const twice = lobby()
  twice.say('ben', 'lobby', { clientId: sent.command.clientId, text: sent.command.clientId })
  const another = twice.begin(again.command, { session: undefined, client: undefined })
  twice.accept(another)
  twice.store(another)
  onlyBreaks('replayed', twice.end())
})

test('[CHK5] no duplicate: two entries at one place, or one entry twice', () => {
  const story = lobby()
  const open = story.cut(story.message('ben', 'lobby'))
  const { sender, hash } = open.command
  const history = story.end()
  onlyBreaks(
    'shared',
    reread(history, ({ entries }) => ({ entries: [...entries, { seq: 3, id: open.id, sender, hash }] })),
  )
  onlyBreaks(
    'shared',
    reread(history, ({ entries }) => ({
      entries: [...entries, ...entries.slice(2, 3).map((entry) => ({ ...entry }))],
    })),
  )
})

test('[CHK5] one id for a command, and one command for an id', () => {
  const story = lobby()
  const sent = story.say('ben', 'lobby')
  const again = story.begin(sent.command)
  story.tell({ type: 'accepted', try: again.try, id: 'another id' })
  story.tellStored(again, { duplicate: true })
  onlyBreaks('named', story.end())

  const shared = lobby()
  const one = shared.begin(shared.message('ben', 'lobby', { isNameless: true }), { client: undefined })
  shared.tell({ type: 'accepted', try: one.try, id: shared.entryAt('lobby', 2).id })
  shared.claims.push({ id: one.id, end: 'dead', code: 'UNPROCESSABLE' })
  const { violations } = check(shared.end())
  assert.ok(violations.some(({ rule, sentence }) => rule === 'named' && sentence.includes('the same id')))
})

// ---- I4 ----------------------------------------------------------------------------------------------------------------

test('[CHK6] one order: a push, an answer, a page, a hit or the second read puts something else in a place', () => {
  const story = lobby()
  story.page(story.visit('ben'), 'lobby')
  const history = story.end()
  const [two, three] = [story.entryAt('lobby', 2), story.entryAt('lobby', 3)]
  const ben = sessionOf(history, 'ben')
  onlyBreaks(
    'places',
    changed(history, 'entry', ({ entry, session }) =>
      entry.seq === 3 && session === ben ? { entry: { ...two, seq: 3 } } : undefined,
    ),
  )
  onlyBreaks(
    'places',
    changed(history, 'stored', ({ seq }) => (seq === 3 ? { seq: 4 } : undefined)),
  )
  onlyBreaks(
    'places',
    changed(history, 'page', ({ entries }) => ({
      entries: entries.map((entry) =>
        entry.seq === 3 ? { ...two, seq: 3 } : entry.seq === 2 ? { ...three, seq: 2 } : entry,
      ),
    })),
  )
  onlyBreaks(
    'places',
    changed(history, 'history', ({ gateway, entries }) =>
      gateway === 'gateway 1'
        ? undefined
        : {
            entries: entries.map((entry) =>
              entry.seq === 3 ? { ...two, seq: 3 } : entry.seq === 2 ? { ...three, seq: 2 } : entry,
            ),
          },
    ),
  )
  for (const seq of [3, 99]) {
    const hits = [{ ...two, seq, room: 'lobby' }]
    onlyBreaks(
      'places',
      inserted(history, { type: 'search', begun: story.now, session: ben, hits }, () => true),
    )
  }
})

test('[CHK6] no gap: in what is read in the end, or in a page', () => {
  const story = lobby()
  const unknown = story.cut(story.message('ben', 'lobby'))
  story.store(unknown)
  const lacking = reread(story.end(), ({ entries }) => ({ entries: entries.filter(({ id }) => id !== unknown.id) }))
  onlyBreaks(
    'gapless',
    changed(lacking, 'found', ({ ids }) => ({ ids: ids.filter((id) => id !== unknown.id) })),
  )
  onlyBreaks(
    'gapless',
    reread(lobby().end(), ({ head }) => ({ head: head + 1 })),
  )
  onlyBreaks(
    'gapless',
    reread(quietRoom().end(), ({ head }) => ({ head: head - 1 })),
  )
  const nothing = quietRoom()
  nothing.head('empty')
  onlyBreaks(
    'gapless',
    reread(nothing.end(), ({ head }) => ({ head: Math.max(head, 1) })),
  )
  const paged = lobby()
  paged.page(paged.visit('ben'), 'lobby')
  const history = paged.end()
  onlyBreaks(
    'gapless',
    changed(history, 'page', ({ entries }) => ({ entries: entries.filter(({ seq }) => seq !== 3) })),
  )
  onlyBreaks(
    'gapless',
    changed(history, 'page', ({ head }) => ({ head: head - 1 })),
  )
  onlyBreaks(
    'gapless',
    changed(history, 'page', ({ entries }) => ({ entries: entries.toReversed() })),
  )
})

// ---- I5 ----------------------------------------------------------------------------------------------------------------

/** Accepts two, the second after the first; then stores the second before the first. */
function overtaking(story: Story, first: string, second: string): void {
  const one = story.begin(story.message(first, 'lobby'), { client: undefined })
  story.accept(one)
  const two = story.begin(story.message(second, 'lobby'), { client: undefined })
  story.accept(two)
  for (const sent of [two, one]) story.store(sent)
  for (const sent of [two, one]) story.tellStored(sent, { duplicate: false })
}

test('[CHK7] real-time order: sent after another was accepted, and standing before it', () => {
  const story = lobby()
  overtaking(story, 'anna', 'ben')
  const [sentence] = onlyBreaks('realTime', story.end())
  assert.match(
    sentence ?? '',
    /of ben in lobby was sent after .* of anna in lobby was accepted, and stands before it, at 5/,
  )
})

test('[CHK7] a lane that waits may be overtaken by another lane, and not by itself', () => {
  const others = lobby()
  others.tell({ type: 'lane_waits', room: 'lobby', sender: 'anna' })
  overtaking(others, 'anna', 'ben')
  passes(others.end())

  const behind = lobby()
  behind.tell({ type: 'lane_waits', room: 'lobby', sender: 'ben' })
  overtaking(behind, 'anna', 'ben')
  onlyBreaks('realTime', behind.end())

  const whole = lobby()
  whole.tell({ type: 'lane_waits', room: 'lobby' })
  overtaking(whole, 'anna', 'ben')
  passes(whole.end())

  const own = lobby()
  own.tell({ type: 'lane_waits', room: 'lobby', sender: 'anna' })
  overtaking(own, 'anna', 'anna')
  onlyBreaks('realTime', own.end())

  const still = lobby()
  for (const type of ['lane_goes_on', 'lane_waits', 'lane_waits'] as const)
    still.tell({ type, room: 'lobby', sender: 'anna' })
  overtaking(still, 'anna', 'ben')
  passes(still.end())

  const over = lobby()
  for (const type of ['lane_waits', 'lane_waits', 'lane_goes_on', 'lane_goes_on'] as const)
    over.tell({ type, room: 'lobby', sender: 'anna' })
  overtaking(over, 'anna', 'ben')
  onlyBreaks('realTime', over.end())
})

test('[CHK7] what was seen before something else was sent stands before it, whoever waited; nothing is seen before it is sent', () => {
  const story = quietRoom()
  story.tell({ type: 'lane_waits', room: 'lobby' })
  const command = story.message('ben', 'lobby')
  const early: Sent = { command, id: command.id ?? '', try: 'not begun' }
  story.store(early)
  story.say('anna', 'lobby')
  story.tellStored(story.begin(command), { duplicate: false })
  onlyBreaks('realTime', story.end())

  const seen = lobby()
  const said = seen.message('ben', 'lobby')
  seen.store({ command: said, id: said.id ?? '', try: 'not begun' })
  seen.cut(said)
  onlyBreaks('realTime', seen.end())
})

test('[CHK7] one client’s commands to a room keep their order, in all lanes that do not wait', () => {
  const pipelined = (senders: readonly string[], waits?: string) => {
    const story = lobby()
    if (waits !== undefined) story.tell({ type: 'lane_waits', room: 'lobby', sender: waits })
    const sent = senders.map((sender) => story.begin(story.message(sender, 'lobby'), { client: 'importer' }))
    for (const one of sent) story.accept(one)
    for (const one of sent.reverse()) story.store(one)
    return story.end()
  }
  onlyBreaks('clientOrder', unread(pipelined(['anna', 'anna'])))
  onlyBreaks('clientOrder', unread(pipelined(['anna', 'ben'])))
  onlyBreaks('clientOrder', unread(pipelined(['anna', 'anna'], 'anna')))
  passes(unread(pipelined(['anna', 'ben'], 'anna')))
})

test('[CHK7] a command that somebody else sent too may overtake, and one that was taken back comes at a new place', () => {
  const helped = lobby()
  const first = helped.cut(helped.message('ben', 'lobby'))
  const second = helped.cut(helped.message('ben', 'lobby'))
  helped.cut(second.command, { client: undefined })
  for (const sent of [second, first]) helped.store(sent)
  passes(helped.end())

  const abandoned = lobby()
  const back = abandoned.begin(abandoned.message('ben', 'lobby'))
  abandoned.tell({ type: 'failed', try: back.try, code: 'RATE_LIMITED' })
  abandoned.tell({ type: 'abandoned', try: back.try })
  const between = abandoned.cut(abandoned.message('ben', 'lobby'))
  const again = abandoned.cut(back.command)
  for (const sent of [between, again]) abandoned.store(sent)
  passes(abandoned.end())
})

test('[CHK7] a hit is a sight too, and what an older epoch stored is in the log', () => {
  const story = quietRoom()
  story.tell({ type: 'lane_waits', room: 'lobby' })
  const command = story.message('ben', 'lobby')
  story.store({ command, id: command.id ?? '', try: 'not begun' })
  story.store(story.cut(story.message('anna', 'lobby')))
  story.search(story.visit('anna'), 'lobby')
  const searched = changed(story.history, 'search', ({ hits }) => ({ hits: hits.slice(1) }))
  story.history.splice(0, story.history.length, ...searched)
  story.cut(command)
  onlyBreaks('realTime', story.end())

  const restored = quietRoom()
  const one = restored.begin(restored.message('anna', 'lobby'), { client: undefined })
  restored.tell({ type: 'stored', try: one.try, id: one.id, epoch: 1, seq: 2, duplicate: false })
  const two = restored.cut(restored.message('ben', 'lobby'))
  restored.restore('lobby', 1)
  for (const sent of [two, one]) restored.store(sent)
  onlyBreaks('realTime', restored.end())
})

// ---- I6 ----------------------------------------------------------------------------------------------------------------

test('[CHK8] append-only: what was shown is there in the end', () => {
  const story = lobby()
  const session = story.visit('ben')
  const vanished = story.cut(story.message('ben', 'lobby', { isNameless: true }))
  const history = story.end()
  const head = story.head('lobby') + 1
  const { sender, hash } = vanished.command
  const entries = [{ seq: head, id: vanished.id, sender, hash }]
  const page = { type: 'page', begun: story.now, session, room: 'lobby', epoch: 1, head, entries } as const
  onlyBreaks(
    'kept',
    inserted(history, page, () => true),
  )
})

test('[CHK8] one session never reads a room shorter, nor in an older epoch', () => {
  const story = lobby()
  const session = story.visit('ben')
  story.page(session, 'lobby')
  story.page(session, 'lobby')
  const last = story.history.at(-1)
  const shorter = changed(story.end(), 'page', (page) =>
    page.t === last?.t ? { head: page.head - 1, entries: page.entries.slice(0, -1) } : undefined,
  )
  onlyBreaks('forward', shorter)
  passes(shorter, { readsMayBeOld: true })

  const restored = lobby()
  restored.restore('lobby', 2)
  restored.page(sessionOf(restored.history, 'ben'), 'lobby')
  onlyBreaks(
    'forward',
    changed(restored.end(), 'page', () => ({ epoch: 1 })),
  )

  const joined = lobby()
  const ben = sessionOf(joined.history, 'ben')
  joined.disconnect(ben)
  joined.tell({ type: 'subscribed', session: ben, room: 'lobby' })
  joined.tell({ type: 'joined', session: ben, room: 'lobby', epoch: 1, head: 2 })
  onlyBreaks('forward', joined.end())
})

test('[CHK8] a page that was asked for before something was pushed may end before it', () => {
  const story = lobby()
  const ben = sessionOf(story.history, 'ben')
  story.page(ben, 'lobby')
  const page = eventOf(story.history, 'page')
  const { id } = story.say('anna', 'lobby')
  // Asked for in the same moment at the latest.
  const begun = eventOf(story.history, 'entry', ({ entry, session }) => entry.id === id && session === ben).t
  const { t: _, ...late } = { ...page, begun }
  passes(
    inserted(
      without(story.end(), (event) => event === page),
      late,
      () => true,
    ),
  )
})

test('[CHK8] a new epoch comes of a restore, and the last epoch is the highest', () => {
  const story = () => {
    const told = lobby()
    told.restore('lobby', 2)
    return unread(told.end())
  }
  passes(story())
  onlyBreaks(
    'epochs',
    without(story(), ({ type }) => type === 'restored'),
  )
  onlyBreaks(
    'epochs',
    reread(story(), () => ({ epoch: 1 })),
  )
  const unseen = quietRoom()
  unseen.restore('lobby', 1)
  onlyBreaks(
    'epochs',
    without(unseen.end(), ({ type }) => type === 'restored'),
  )
})

// ---- I7 ----------------------------------------------------------------------------------------------------------------

test('[CHK9] live is history: an entry that is left out, doubled, swapped, or comes where nothing is open', () => {
  const history = lobby().end()
  const ben = sessionOf(history, 'ben')
  const isPush = (event: HistoryEvent, seq: number) =>
    event.type === 'entry' && event.session === ben && event.entry.seq === seq
  const push = eventOf(history, 'entry', (event) => isPush(event, 3))
  const { t: _, ...again } = push
  onlyBreaks(
    'contiguous',
    without(history, (event) => isPush(event, 3)),
  )
  onlyBreaks(
    'contiguous',
    inserted(history, again, (event) => event === push),
  )
  onlyBreaks(
    'contiguous',
    inserted(
      without(history, (event) => event === push),
      again,
      (event) => isPush(event, 4),
    ),
  )
  onlyBreaks(
    'contiguous',
    without(history, (event) => event.type === 'joined' && event.session === ben),
  )
  onlyBreaks(
    'contiguous',
    inserted(history, { type: 'left', session: ben, room: 'lobby' }, (event) => event === push),
  )
  onlyBreaks(
    'contiguous',
    inserted(history, { type: 'joined', session: ben, room: 'lobby', epoch: 1, head: 3 }, (event) => event === push),
  )
  const place = { session: ben, room: 'lobby', epoch: 1, seq: 3 }
  onlyBreaks(
    'contiguous',
    inserted(
      history,
      { type: 'resumed', ...place, recovered: true, from: { epoch: 1, seq: 3 } },
      (event) => event === push,
    ),
  )

  const restored = lobby()
  restored.restore('lobby', 3)
  onlyBreaks(
    'contiguous',
    changed(restored.end(), 'entry', ({ epoch, entry }) => (epoch === 2 && entry.seq === 4 ? { epoch: 1 } : undefined)),
  )
})

test('[CHK9] a gap stands for what it says', () => {
  const history = lobby().end()
  const ben = sessionOf(history, 'ben')
  const gap = (from: number, to: number, stead = [3, 4]) =>
    history.flatMap((event): History => {
      if (event.type !== 'entry' || event.session !== ben || !stead.includes(event.entry.seq)) return [event]
      const { t, session, room, epoch } = event
      return event.entry.seq === 3 ? [] : [{ type: 'gap', t, session, room, epoch, from, to }]
    })
  passes(gap(3, 4))
  passes(gap(4, 4, [4]))
  onlyBreaks('contiguous', gap(4, 4))
  onlyBreaks('contiguous', gap(2, 4))
  onlyBreaks('contiguous', gap(3, 3))
})

test('[CHK9] who comes back goes on where they were, or is told that this is void, and only then', () => {
  const story = lobby()
  story.reconnect(sessionOf(story.history, 'ben'))
  story.say('anna', 'lobby')
  const history = story.end()
  passes(history)
  onlyBreaks(
    'resumed',
    changed(history, 'resumed', ({ from }) => ({ from: { ...from, seq: from.seq - 1 } })),
  )
  onlyBreaks(
    'resumed',
    changed(history, 'resumed', () => ({ recovered: false })),
  )
  const head = { epoch: 1, seq: story.head('lobby') }
  const session = 'a last session'
  const atHead = { type: 'resumed', session, room: 'lobby', ...head, recovered: false, from: head } as const
  onlyBreaks(
    'resumed',
    inserted(
      inserted(history, { type: 'connected', session, user: 'ben' }, () => true),
      atHead,
      () => true,
    ),
  )
})

test('[CHK9] no gap covers its reader’s own removal and return', () => {
  const story = lobby()
  story.remove('anna', 'lobby', 'ben')
  story.add('anna', 'lobby', 'ben')
  story.say('anna', 'lobby')
  const history = story.end()
  passes(history)
  const ben = sessionOf(history, 'ben')
  const swallowed = history.flatMap((event): History => {
    if (!('session' in event) || event.session !== ben) return [event]
    if (event.type === 'left' || (event.type === 'entry' && event.entry.seq === 5)) return []
    if (event.type !== 'joined' || event.head !== 6) return [event]
    return [{ type: 'gap', t: event.t, session: ben, room: 'lobby', epoch: 1, from: 5, to: 6 }]
  })
  onlyBreaks('ownChanges', swallowed)
})

test('[CHK9] in the end a session has every room of its user, at its head, and no other', () => {
  const history = lobby().end()
  const ben = sessionOf(history, 'ben')
  const last = history.findLast((event) => event.type === 'entry' && event.session === ben)
  onlyBreaks(
    'caughtUp',
    without(history, (event) => event === last),
  )

  const added = lobby()
  added.add('anna', 'lobby', 'dora')
  const dora = sessionOf(added.history, 'dora')
  onlyBreaks(
    'caughtUp',
    without(added.end(), (event) => event.type !== 'connected' && 'session' in event && event.session === dora),
  )

  const watched = lobby()
  const admin = watched.connect('root', { administrator: true })
  watched.tell({ type: 'joined', session: admin, room: 'lobby', epoch: 1, head: 4 })
  onlyBreaks('caughtUp', watched.end())

  const removed = lobby()
  const { id } = removed.remove('anna', 'lobby', 'ben')
  const bens = sessionOf(removed.history, 'ben')
  onlyBreaks(
    'caughtUp',
    without(
      removed.end(),
      (event) => (event.type === 'left' || (event.type === 'entry' && event.entry.id === id)) && event.session === bens,
    ),
  )
})

test('[CHK8, CHK9] what is read of a store that was set back and nobody told is void until the epoch that follows', () => {
  const story = lobby()
  const visit = story.visit('anna')
  story.page(visit, 'lobby')
  const place = { room: 'lobby', epoch: 1 }
  story.tell({ type: 'restored', rooms: ['lobby'], untold: true })
  const entries = [1, 2].map((seq) => story.entryAt('lobby', seq))
  story.tell({ type: 'page', begun: story.now, session: visit, ...place, head: 2, entries })
  story.tell({ type: 'connected', session: 'late', user: 'ben' })
  story.tell({ type: 'resumed', session: 'late', ...place, seq: 2, recovered: false, from: { epoch: 1, seq: 4 } })
  story.restore('lobby', 2)
  const history = story.end()
  passes(history)
  const told = history.map((event) => (event.type === 'restored' ? { ...event, untold: undefined } : event)) as History
  const unheard = (type: HistoryEvent['type'], session: string) =>
    told.filter((event) => !(event.type === type && 'session' in event && event.session === session))
  onlyBreaks('forward', unheard('resumed', 'late'))
  onlyBreaks(
    'resumed',
    told.filter((event) => !(event.type === 'page' && event.head === 2)),
  )
})

test('[CHK6, CHK7, CHK8, CHK9, CHK13] what a restore took before it was published is void, although the epoch stays; all else holds', () => {
  const story = quietRoom()
  const visit = story.visit('anna')
  const taken = story.cut(story.message('ben', 'lobby'))
  story.store(taken)
  story.page(visit, 'lobby')
  story.setBackUnnoticed('lobby', 1)
  story.page(visit, 'lobby')
  const shorter = eventOf(story.history, 'page', ({ head }) => head === 1)
  const place = { room: 'lobby', epoch: 1 }
  story.tell({ type: 'connected', session: 'late', user: 'ben' })
  story.tell({ type: 'resumed', session: 'late', ...place, seq: 1, recovered: false, from: { epoch: 1, seq: 2 } })
  story.say('anna', 'lobby')
  story.store(taken)
  story.page(visit, 'lobby')
  const history = story.end()
  passes(history)
  breaksWithoutThat(['places', 'realTime', 'forward', 'resumed'], history)
  const begun = eventOf(history, 'healed').t
  onlyBreaks(
    'forward',
    inserted(history, { ...shorter, begun }, ({ type }) => type === 'healed'),
  )

  const removal = quietRoom()
  const stays = removal.cut(removal.removal('anna', 'lobby', 'ben'))
  removal.store(stays)
  removal.page(removal.visit('anna'), 'lobby')
  removal.setBackUnnoticed('lobby', 1)
  removal.page(removal.visit('ben'), 'lobby')
  const early = removal.history.at(-1) as HistoryEvent
  removal.store(stays)
  removal.page(removal.visit('anna'), 'lobby')
  passes(removal.end())
  breaksWithoutThat(['removed'], removal.history)
  const late = { ...early, begun: eventOf(removal.history, 'healed').t } as HistoryEvent
  onlyBreaks(
    'removed',
    inserted(removal.history, late, ({ type }) => type === 'healed'),
  )

  const shrunk = quietRoom()
  for (let i = 0; i < 2; i++) shrunk.store(shrunk.cut(shrunk.message('ben', 'lobby')))
  shrunk.page(shrunk.visit('anna'), 'lobby')
  shrunk.setBackUnnoticed('lobby', 1)
  passes(shrunk.end())
  breaksWithoutThat(['kept', 'places'], shrunk.history)

  const guest = quietRoom()
  guest.store(guest.cut(guest.addition('anna', 'lobby', 'dora')))
  guest.tell({ type: 'error', session: guest.visit('dora'), room: 'lobby', code: 'FORBIDDEN' })
  guest.setBackUnnoticed('lobby', 1)
  passes(guest.end())
  breaksWithoutThat(['discreet'], guest.history)
  guest.tell({ type: 'error', session: guest.visit('dora'), room: 'lobby', code: 'FORBIDDEN' })
  onlyBreaks('discreet', guest.history)
})

/** The same history breaks these rules where what its restore took had been published. */
function breaksWithoutThat(rules: readonly string[], history: History): void {
  const { broken } = check(changed(history, 'restored', () => ({ unpublished: [] })))
  assert.deepEqual(Object.keys(broken).sort(), [...rules].sort())
}

// ---- I8 ----------------------------------------------------------------------------------------------------------------

test('[CHK10] a repeat is told what was told the first time', () => {
  const story = lobby()
  const again = story.begin(story.say('ben', 'lobby').command)
  story.accept(again)
  story.tell({ type: 'refused', try: again.try, code: 'CONFLICT' })
  onlyBreaks('sameAnswer', story.end())

  const refused = lobby()
  const first = refused.begin(refused.addition('anna', 'lobby', 'ben'))
  refused.refuse(first, 'ALREADY')
  refused.tell({ type: 'refused', try: refused.begin(first.command).try, code: 'CONFLICT' })
  onlyBreaks('sameAnswer', refused.end())
})

test('[CHK10] duplicate says whether it was sent before', () => {
  const story = lobby()
  story.repeat(story.say('ben', 'lobby'))
  const history = story.end()
  passes(history)
  onlyBreaks(
    'duplicates',
    changed(history, 'stored', () => ({ duplicate: false })),
  )
  onlyBreaks(
    'duplicates',
    changed(history, 'stored', () => ({ duplicate: true })),
  )
  const unheard = lobby()
  const accepted = unheard.cut(unheard.message('ben', 'lobby'))
  unheard.accept(accepted)
  unheard.store(accepted)
  unheard.tellStored(unheard.begin(accepted.command), { duplicate: false })
  onlyBreaks('duplicates', unheard.end())

  const both = lobby()
  const one = both.begin(both.message('ben', 'lobby'))
  const two = both.begin(one.command)
  for (const sent of [one, two]) both.accept(sent)
  both.store(one)
  for (const sent of [one, two]) both.tellStored(sent, { duplicate: false })
  onlyBreaks('duplicates', both.end())
})

test('[CHK10] a try is told one end, behind its acceptance', () => {
  const story = lobby()
  const sent = story.say('ben', 'lobby')
  const history = story.end()
  const isOf = (type: string) => (event: HistoryEvent) =>
    event.type === type && 'try' in event && event.try === sent.try
  const [stored] = history.filter(isOf('stored'))
  assert.ok(stored?.type === 'stored')
  const { t: _, ...again } = stored
  const accepted = { type: 'accepted', try: sent.try, id: sent.id } as const
  const failed = { type: 'failed', try: sent.try, code: 'OVERLOADED' } as const
  onlyBreaks('oneAnswer', inserted(history, again, isOf('stored')))
  onlyBreaks('oneAnswer', inserted(history, failed, isOf('accepted')))
  onlyBreaks('oneAnswer', inserted(without(history, isOf('stored')), failed, isOf('accepted')))
  onlyBreaks('oneAnswer', inserted(without(history, isOf('accepted')), accepted, isOf('stored')))
})

// ---- I9 ----------------------------------------------------------------------------------------------------------------

/** From the event of this type on everything is so much later. */
function later(history: History, type: HistoryEvent['type'], ms: number): History {
  const from = history.findIndex((event) => event.type === type)
  return history.map((event, i) => (i < from ? event : { ...event, t: event.t + ms }))
}

test('[CHK11] recovery: lag that stays, and lag that goes too late', () => {
  onlyBreaks(
    'drained',
    changed(lobby().end(), 'drained', () => ({ lag: { worker: 0, indexer: 3 } })),
  )
  const late = later(lobby().end(), 'drained', 1_000)
  onlyBreaks('drained', late, { recoveryMsMax: 500 })
  passes(late, { recoveryMsMax: 1_001 })
})

test('[CHK11] recovery: what is sent after it ends, in time', () => {
  const history = unread(lobby().end())
  const at = history.findLastIndex(({ type }) => type === 'stored')
  onlyBreaks('works', history.toSpliced(at, 1))
  const slow = history.map((event, i) => (i < at ? event : { ...event, t: event.t + 1_000 }))
  onlyBreaks('works', slow, { recoveryMsMax: 500 })
})

test('[CHK11] who waits on a session that stays is answered', () => {
  const history = lobby().end()
  const { try: name } = eventOf(history, 'stored', ({ seq }) => seq === 3)
  const silent = without(history, (event) => event.type === 'stored' && event.try === name)
  onlyBreaks('answered', silent)
  passes(unread(silent))
  const story = lobby()
  story.begin(story.message('ben', 'lobby'))
  onlyBreaks('answered', story.end())
})

// ---- I10 ---------------------------------------------------------------------------------------------------------------

test('[CHK12] search finds what history holds, nothing else, and says so', () => {
  const history = lobby().end()
  for (const change of [
    (ids: readonly string[]) => ({ ids: ids.slice(1) }),
    (ids: readonly string[]) => ({ ids: [...ids, 'made up'] }),
    () => ({ partial: true }),
  ])
    onlyBreaks(
      'found',
      changed(history, 'found', ({ ids }) => change(ids)),
    )
})

// ---- I11 ---------------------------------------------------------------------------------------------------------------

test('[CHK13] nobody else’s: a stranger is shown nothing at all', () => {
  const story = lobby()
  const [one, two] = [story.entryAt('lobby', 1), story.entryAt('lobby', 2)]
  const dora = sessionOf(story.history, 'dora')
  const room = 'lobby'
  const place = { session: dora, room, epoch: 1 }
  const history = unread(story.end())
  for (const events of [
    [{ type: 'page', begun: 9, ...place, head: 2, entries: [one, two] }],
    [{ type: 'page', begun: 9, ...place, head: 2, entries: [] }],
    [{ type: 'search', begun: 9, session: dora, hits: [{ ...two, room }] }],
    [{ type: 'joined', ...place, head: 4 }],
    [{ type: 'resumed', ...place, seq: 2, recovered: true, from: { epoch: 1, seq: 2 } }],
  ] as const)
    onlyBreaks(
      'shown',
      events.reduce((sum: History, event) => inserted(sum, event, () => true), history),
    )
})

test('[CHK13] an administrator may read everything', () => {
  const story = lobby()
  const admin = story.connect('root', { administrator: true })
  story.page(admin, 'lobby')
  story.search(admin, 'lobby')
  passes(story.end())
})

test('[CHK13] a removal is the last entry that its subject is pushed, and no head behind it is told', () => {
  const story = lobby()
  const removal = story.remove('anna', 'lobby', 'ben')
  const visit = story.visit('ben')
  story.say('anna', 'lobby')
  const history = unread(story.end())
  passes(history)
  const ben = sessionOf(history, 'ben')
  const place = { room: 'lobby', epoch: 1 }
  const beyond = { type: 'entry', session: ben, ...place, entry: story.entryAt('lobby', 6) } as const
  onlyBreaks(
    'shown',
    without(
      inserted(history, beyond, () => true),
      (event) => event.type === 'left' && event.session === ben,
    ),
  )
  // It was asked for before the removal was told, so that it may show what was before, and nothing behind.
  const begun = eventOf(history, 'begin', ({ try: name }) => name === removal.try).t
  const page = (head: number) => {
    const entries = [1, 2, 3].map((seq) => story.entryAt('lobby', seq))
    return inserted(history, { type: 'page', begun, session: visit, ...place, head, entries }, () => true)
  }
  passes(page(4))
  onlyBreaks('shown', page(5))
  onlyBreaks('shown', page(6))
})

test('[CHK13] an addition shows everything, from the moment on at which it can have been', () => {
  const story = lobby()
  const visit = story.visit('dora')
  const early = { type: 'page', begun: story.now, session: visit, room: 'lobby', epoch: 1, head: 2 } as const
  const entries = [1, 2].map((seq) => story.entryAt('lobby', seq))
  const { try: name } = story.add('anna', 'lobby', 'dora')
  const history = story.end()
  const isBegin = (event: HistoryEvent) => event.type === 'begin' && event.try === name
  passes(inserted(history, { ...early, entries }, isBegin))
  const before = history[history.findIndex(isBegin) - 1]
  onlyBreaks(
    'shown',
    inserted(history, { ...early, entries }, (event) => event === before),
  )
})

test('[CHK13] after a removal was told, no page, hit or resumption shows even what had been read', () => {
  const story = lobby()
  const visit = story.visit('ben')
  const told = story.remove('anna', 'lobby', 'ben')
  story.say('anna', 'lobby')
  const begun = story.now
  const history = unread(story.end())
  const ben = sessionOf(history, 'ben')
  const old = [1, 2, 3, 4].map((seq) => story.entryAt('lobby', seq))
  const place = { room: 'lobby', epoch: 1 }
  const page = (session: string) =>
    inserted(history, { type: 'page', begun, session, ...place, head: 4, entries: old }, () => true)
  const hits = old.slice(1).map((entry) => ({ ...entry, room: 'lobby' }))
  onlyBreaks('removed', page(visit))
  passes(page(visit), { readsMayBeOld: true })
  // What was asked for in the same moment may have been asked before.
  const moment = eventOf(history, 'entry', ({ entry }) => entry.id === told.id).t
  passes(changed(page(visit), 'page', () => ({ begun: moment })))
  onlyBreaks(
    'removed',
    inserted(history, { type: 'search', begun, session: visit, hits }, () => true),
  )
  onlyBreaks(
    'removed',
    inserted(
      history,
      { type: 'resumed', session: ben, ...place, seq: 4, recovered: true, from: { epoch: 1, seq: 4 } },
      () => true,
    ),
  )
  // Its own session was told; a page of before the removal is older than what it was shown, which is another rule's.
  const rules = RULES.filter(({ name }) => name !== 'forward')
  onlyBreaks('removed', page(ben), { rules, readsMayBeOld: true })
  // The remover's answer alone tells of it too.
  const unheard = without(
    history,
    (event) => event.type === 'entry' && event.entry.id === told.id && event.session === ben,
  )
  onlyBreaks(
    'removed',
    inserted(unheard, { type: 'page', begun, session: visit, ...place, head: 4, entries: old }, () => true),
  )
})

test('[CHK13] an error gives nothing away of a room that was never one’s own', () => {
  const story = lobby()
  const session = sessionOf(story.history, 'dora')
  story.tell({ type: 'error', session, room: 'lobby', code: 'NOT_FOUND' })
  story.refuse(story.begin(story.message('dora', 'lobby')), 'NOT_FOUND')
  const history = story.end()
  passes(history)
  onlyBreaks(
    'discreet',
    changed(history, 'error', () => ({ code: 'NOT_A_MEMBER' })),
  )
  const told = lobby()
  told.refuse(told.begin(told.message('dora', 'lobby')), 'NOT_A_MEMBER')
  onlyBreaks('discreet', told.end())

  const may = lobby()
  may.refuse(may.begin({ ...may.addition('root', 'lobby', 'ben'), administrator: true }), 'ALREADY')
  may.refuse(may.begin({ ...may.message('dora', 'lobby'), kind: 'room_created' }), 'CONFLICT')
  may.add('anna', 'lobby', 'dora')
  may.remove('anna', 'lobby', 'dora')
  may.refuse(may.begin(may.message('dora', 'lobby')), 'NOT_A_MEMBER')
  passes(may.end())
})

// ---- what commands make of each other ----------------------------------------------------------------------------------

test('[CHK14] who speaks is a member, who is added was none, who is removed was one, a room is created once', () => {
  const stranger = lobby()
  stranger.say('dora', 'lobby')
  onlyBreaks('allowed', stranger.end())
  const added = lobby()
  added.add('anna', 'lobby', 'ben')
  onlyBreaks('allowed', added.end())
  const removed = lobby()
  removed.remove('anna', 'lobby', 'dora')
  onlyBreaks('allowed', removed.end())
  const created = lobby()
  created.create('lobby', 'anna')
  onlyBreaks('allowed', created.end())
  const administrator = lobby()
  administrator.add('root', 'lobby', 'dora', { administrator: true })
  passes(administrator.end())
})

test('[CHK14] a refusal was true at some moment that it can have met', () => {
  const member = lobby()
  member.refuse(member.begin(member.message('ben', 'lobby')), 'NOT_A_MEMBER')
  onlyBreaks('justified', member.end())
  const missing = lobby()
  missing.refuse(missing.begin(missing.message('ben', 'lobby')), 'NOT_FOUND')
  onlyBreaks('justified', missing.end())
  const already = lobby()
  already.refuse(already.begin(already.addition('anna', 'lobby', 'dora')), 'ALREADY')
  onlyBreaks('justified', already.end())

  const just = lobby()
  just.add('anna', 'lobby', 'dora')
  just.refuse(just.begin(just.message('dora', 'lobby')), 'NOT_A_MEMBER')
  onlyBreaks('justified', just.end())
  const removal = lobby()
  removal.refuse(removal.begin(removal.removal('anna', 'lobby', 'ben')), 'ALREADY')
  onlyBreaks('justified', removal.end())
  const absent = lobby()
  absent.refuse(absent.begin(absent.removal('anna', 'lobby', 'dora')), 'ALREADY')
  passes(absent.end())

  const creating = (room: string, code: 'ALREADY' | 'NOT_FOUND', command: Partial<Command>) => {
    const story = lobby()
    story.head(room)
    story.refuse(story.begin({ ...story.message('root', room), ...command }), code)
    return story.end()
  }
  passes(creating('lobby', 'ALREADY', { kind: 'room_created' }))
  onlyBreaks('justified', creating('nowhere', 'ALREADY', { kind: 'room_created' }))
  passes(creating('nowhere', 'NOT_FOUND', { administrator: true }))
  onlyBreaks('justified', creating('lobby', 'NOT_FOUND', { administrator: true }))

  const behind = lobby()
  behind.tell({ type: 'lane_waits', room: 'lobby', sender: 'ben' })
  const waiting = behind.begin(behind.addition('ben', 'lobby', 'dora'))
  behind.accept(waiting)
  const hasty = behind.begin(behind.message('dora', 'lobby'))
  behind.refuse(hasty, 'NOT_FOUND')
  behind.store(waiting)
  behind.tellStored(waiting, { duplicate: false })
  onlyBreaks('justified', behind.end())

  const early = new Story()
  const before = early.begin(early.message('ben', 'lobby'))
  early.create('lobby', 'anna', ['ben'])
  early.refuse(before, 'NOT_FOUND')
  passes(early.end())
  const afterwards = lobby()
  afterwards.refuse(afterwards.begin(afterwards.message('ben', 'lobby')), 'NOT_A_MEMBER')
  afterwards.remove('anna', 'lobby', 'ben')
  onlyBreaks('justified', afterwards.end())
  const meanwhile = lobby()
  const late = meanwhile.begin(meanwhile.message('ben', 'lobby'))
  meanwhile.remove('anna', 'lobby', 'ben')
  meanwhile.refuse(late, 'NOT_A_MEMBER')
  passes(meanwhile.end())
  const raced = lobby()
  const sent = raced.begin(raced.message('ben', 'lobby'))
  raced.remove('anna', 'lobby', 'ben')
  raced.add('anna', 'lobby', 'ben')
  raced.refuse(sent, 'NOT_A_MEMBER')
  passes(raced.end())

  const setBack = (isAddedFirst: boolean) => {
    const story = lobby()
    const twice = story.begin(story.addition('ben', 'lobby', 'dora'))
    story.tell({ type: 'refused', try: twice.try, code: 'NOT_FOUND' })
    story.restore('lobby', 4)
    const again = story.begin(twice.command)
    if (isAddedFirst) story.add('anna', 'lobby', 'dora')
    story.refuse(again, 'ALREADY')
    if (!isAddedFirst) story.add('anna', 'lobby', 'dora')
    return story.end()
  }
  passes(setBack(true))
  onlyBreaks('justified', setBack(false))
})

test('[CHK14] the members that are listed are those that history makes', () => {
  for (const users of [['anna'], ['anna', 'ben', 'dora']])
    onlyBreaks(
      'members',
      changed(lobby().end(), 'members', () => ({ users })),
    )
})

// ---- the verdict -------------------------------------------------------------------------------------------------------

test('[CHK15] a run in which too little happened, or that was not read to its end, is unknown', () => {
  const reasonsOf = (history: History, options: CheckOptions = {}) => {
    const { verdict, reasons } = check(history, options)
    assert.equal(verdict, 'unknown')
    return reasons.join('; ')
  }
  const history = lobby().end()
  assert.match(reasonsOf([]), /0 commands were acknowledged/)
  assert.match(reasonsOf(history, { acknowledgedMin: 6 }), /5 commands were acknowledged, less than 6/)
  passes(history, { acknowledgedMin: 5 })
  assert.match(reasonsOf(history, { acknowledgedInFaultsMin: 1 }), /0 commands were acknowledged inside a fault/)
  assert.match(reasonsOf(history, { faults: ['kill'] }), /the fault kill was planned, and never made/)
  assert.match(reasonsOf(history, { interesting: ['stale commit'] }), /this never happened: stale commit/)
  for (const [type, reason] of [
    ['claims', /nobody read the claims/],
    ['letters', /nobody read the letters/],
    ['letter_log', /nobody read the letter_log/],
    ['quiet', /nobody read the quiet/],
    ['drained', /nobody read the drained/],
    ['history', /lobby was read through 0 gateways/],
    ['found', /nobody searched lobby/],
    ['healed', /nobody says when the last fault was over/],
  ] as const)
    assert.match(reasonsOf(without(history, (event) => event.type === type)), reason)
  const once = without(history, (event) => event.type === 'history' && event.gateway === 'gateway 2')
  assert.match(reasonsOf(once), /through 1 gateways/)
  const same = changed(history, 'history', () => ({ gateway: 'gateway 1' }))
  assert.match(reasonsOf(same), /through 1 gateways/)
  const last = history.findLast(({ type }) => type === 'begin')
  const sentNothing = changed(history, 'history', ({ head, entries }) => ({
    head: head - 1,
    entries: entries.slice(0, -1),
  }))
  assert.match(
    reasonsOf(
      changed(
        without(unread(sentNothing), (event) => 'try' in event && last?.type === 'begin' && event.try === last.try),
        'found',
        ({ ids }) => ({ ids: ids.slice(0, -1) }),
      ).filter((event) => event.type !== 'entry' || event.entry.seq < 5),
    ),
    /nothing was sent after recovery/,
  )
  const moving = changed(history, 'history', ({ gateway, head, entries }) =>
    gateway === 'gateway 1' ? { head: head - 1, entries: entries.slice(0, -1) } : undefined,
  )
  assert.match(check(moving).reasons.join('; '), /lobby still moved/)
})

test('[CHK15] a fault that nothing shows, a clock that goes back and an answer to nobody make it unknown', () => {
  const unproven = lobby()
  for (const target of ['worker', 'gateway'])
    unproven.tell({ type: 'fault_start', name: 'kill', target, evidence: target === 'worker' ? 'another pid' : '' })
  unproven.tell({ type: 'fault_stop', name: 'kill', target: 'gateway', evidence: '' })
  assert.deepEqual(check(unproven.end()).reasons, ['nothing shows that kill of gateway took place, 1 times'])

  const half = lobby()
  for (let i = 0; i < 2; i++) half.tell({ type: 'fault_start', name: 'kill', target: 'worker', evidence: '' })
  half.tell({ type: 'fault_stop', name: 'kill', target: 'worker', evidence: 'another pid' })
  assert.deepEqual(check(half.end()).reasons, ['nothing shows that kill of worker took place, 1 times'])

  const history = lobby().end()
  const begin = eventOf(history, 'begin')
  const twice = inserted(history, begin, (event) => event === begin)
  assert.match(check(twice).reasons.join(), /begins twice/)
  const back = history.map((event, i) => (i === 5 ? { ...event, t: 100 } : event))
  assert.match(check(back).reasons.join(), /the clock goes back before event 6/)
  const stray = inserted(history, { type: 'unknown', try: 'nobody’s', why: '' }, () => true)
  assert.match(check(stray).reasons.join(), /which nobody began/)
  const unseen = without(history, ({ type }) => type === 'connected')
  assert.match(check(unseen).reasons.join(), /which never connected/)
})

test('[CHK16] a broken rule outweighs a doubt; what is shown is bounded, and everything is counted', () => {
  const story = quietRoom()
  for (let i = 0; i < 30; i++) story.accept(story.begin(story.message(`user ${i}`, 'lobby'), { client: undefined }))
  const { verdict, violations, broken, reasons, counters } = check(
    without(story.end(), ({ type }) => type === 'quiet'),
    { acknowledgedMin: 1_000 },
  )
  assert.equal(verdict, 'fail')
  assert.ok(reasons.length > 0)
  assert.equal(violations.length, 5)
  assert.deepEqual(broken, { lost: 30 })
  assert.equal(counters.acknowledged, 32)
  for (const { records } of violations) assert.equal(records.length, 1)

  const oneLane = quietRoom()
  for (let i = 0; i < 30; i++) oneLane.accept(oneLane.begin(oneLane.message('ben', 'lobby'), { client: undefined }))
  const [violation, ...others] = check(oneLane.end()).violations
  assert.deepEqual(others, [])
  assert.equal(violation?.records.length, 6)
})

test('[CHK16] the figures of a run are counted', () => {
  const story = lobby()
  story.tell({ type: 'fault_start', name: 'kill', target: 'worker', evidence: 'another pid' })
  story.say('ben', 'lobby')
  story.tell({ type: 'fault_stop', name: 'kill', target: 'worker', evidence: '' })
  story.store(story.cut(story.message('ben', 'lobby')))
  story.cut(story.message('ben', 'lobby'), { client: undefined })
  story.refuse(story.begin(story.addition('anna', 'lobby', 'ben')), 'ALREADY')
  story.page(story.reconnect(sessionOf(story.history, 'ben')), 'lobby')
  const { counters } = check(story.end())
  const { pushes: _, recoveryMs: __, ...counted } = counters
  assert.deepEqual(counted, {
    tries: 9,
    commands: 9,
    acknowledged: 7,
    acknowledgedInFaults: 1,
    stored: 7,
    refused: 1,
    dead: 0,
    indeterminate: 2,
    indeterminateStored: 1,
    pages: 1,
    searches: 0,
    resumes: 1,
    restarts: 0,
    gaps: 0,
    faults: { kill: 1 },
    interesting: {},
  })
})

test('[CHK17] each rule alone catches a bad history, which passes without it', () => {
  assert.deepEqual(
    RULES.map(({ name }) => name).filter((name) => !caught.has(name)),
    [],
  )
  assert.equal(new Set(RULES.map(({ name }) => name)).size, RULES.length)
})
