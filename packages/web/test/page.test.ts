import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { type ServerProcess, signIn, startServer, temporaryFolder, until } from '../../server/test/support/server.ts'
import { launchChromium, skipReason } from './support/chromium.ts'
import {
  addSomebody,
  createDirect,
  createGroup,
  DESKTOP,
  enter,
  isAllStored,
  opened,
  shows,
  signedIn,
  texts,
  write,
} from './support/page.ts'

const skip = skipReason ?? false
const phone = { width: 390, height: 844 }
let browser: Browser | undefined

if (skipReason !== undefined) console.error(`The tests of the page are skipped: ${skipReason}.`)

before(async () => {
  if (skip !== false) return
  execFileSync(process.execPath, [
    '--conditions=@holdfast/source',
    fileURLToPath(new URL('../build.ts', import.meta.url)),
    '--if-stale',
  ])
  browser = await launchChromium()
})
after(() => browser?.close())

test('[WEB11] two windows chat through a kill -9 and a restart: nothing is lost or doubled in either', {
  skip,
}, async () => {
  using folder = temporaryFolder()
  await using stack = new AsyncDisposableStack()
  let server = await startServer({ data: folder.path })
  stack.defer(async () => void (await server.stop()))
  const { url } = server
  const anna = await signedIn(stack, browser, url, 'Anna')
  const ben = await signedIn(stack, browser, url, 'Ben', { viewport: phone })

  await createGroup(anna, 'Harbour')
  await addSomebody(anna, 'Ben')
  await ben.getByRole('link', { name: 'Harbour' }).click()
  const said: string[] = []
  const say = async (page: Page, text: string) => {
    said.push(text)
    await write(page, text)
  }
  for (let i = 1; i <= 3; i++) {
    await say(anna, `Anna before ${i}`)
    await say(ben, `Ben before ${i}`)
  }
  await shows(anna, said)

  // Some of these reach the log, some the socket only, some neither; all of them were typed.
  await say(anna, 'Anna just before')
  server.signal('SIGKILL')
  await say(ben, 'Ben just after')
  await server.ended
  for (const page of [anna, ben])
    await page.locator('[data-connection]:not([data-connection="live"])').first().waitFor({ state: 'attached' })
  await say(anna, 'Anna while away')
  await say(ben, 'Ben while away')
  await anna.locator('[data-state="sending"]', { hasText: 'Anna while away' }).waitFor()
  await say(anna, 'Anna still away')
  for (const page of [anna, ben])
    await until(
      'one word for all that waits',
      async () => (await page.getByText('Waiting for the connection').count()) === 1,
    )
  await anna.getByRole('main').locator('.connection').waitFor()
  await picture(anna, 'desktop-away')
  await picture(ben, 'phone-away')
  server = await startServer({ data: folder.path, port: Number(new URL(url).port) })
  // One window is loaded anew before it has told the server anything, the other goes on.
  await anna.reload()
  await say(anna, 'Anna after')
  await say(ben, 'Ben after')

  for (const page of [anna, ben]) {
    await shows(page, said)
    await isAllStored(page)
  }
  assert.deepEqual(await texts(anna), await texts(ben))
  assert.deepEqual(await history(server, 'Anna', await roomOf(anna)), await texts(anna))
})

test('[WEB12] scrolling back pages to the first message and keeps the place', { skip }, async () => {
  using folder = temporaryFolder()
  await using stack = new AsyncDisposableStack()
  const server = await startServer({ data: folder.path })
  stack.defer(async () => void (await server.stop()))
  const room = await filledRoom(server, 170)
  const page = await signedIn(stack, browser, server.url, 'Anna', { viewport: phone })
  await page.goto(`${server.url}/#${room}`)
  await until('a page of messages', async () => (await texts(page)).length >= 50)

  const before = await scrolledTo(page, 120)
  await until('more messages', async () => (await texts(page)).length > before.lines)
  const moved = Math.abs((await topOf(page, before.key)) - before.top)
  assert.ok(moved < 1, `the first line of the view moved by ${moved} pixels`)

  await until('the first message', async () => {
    await page.evaluate("document.querySelector('.timeline').scrollTop = 0")
    return page.getByRole('log').getByText('You created Old room with Ben').isVisible()
  })
  const expected = Array.from({ length: 170 }, (_, i) => `Message ${i + 1}`)
  assert.deepEqual(await texts(page), expected)
})

test('[WEB13] what is typed is shown as text, addresses as links, and the limit is told before it is reached', {
  skip,
}, async () => {
  using folder = temporaryFolder()
  await using stack = new AsyncDisposableStack()
  const server = await startServer({ data: folder.path })
  stack.defer(async () => void (await server.stop()))
  const page = await signedIn(stack, browser, server.url, 'Anna')
  await createGroup(page, '<b>Group</b>')

  const text = '<img src=x onerror=alert(1)> 你好 👋 see https://example.org/?a=1&b=2.'
  await write(page, text)
  await shows(page, [text])
  const link = page.getByRole('link', { name: 'https://example.org/?a=1&b=2', exact: true })
  assert.equal(await link.getAttribute('href'), 'https://example.org/?a=1&b=2')
  assert.equal(await link.getAttribute('rel'), 'noopener noreferrer')

  const field = page.getByRole('textbox', { name: 'Message <b>Group</b>' })
  await field.fill('é'.repeat(4_000))
  await page.getByText('192 bytes left').waitFor()
  await field.fill('é'.repeat(4_097))
  await page.getByText('2 bytes too long').waitFor()
  assert.equal(await page.getByRole('button', { name: 'Send' }).isDisabled(), true)
  await field.fill('two')
  await field.press('Shift+Enter')
  await field.pressSequentially('lines')
  await field.press('Enter')
  await shows(page, [text, 'two\nlines'])
})

test('[WEB14] a room says what is new in it, and a room with one person bears their name', {
  skip,
}, async () => {
  using folder = temporaryFolder()
  await using stack = new AsyncDisposableStack()
  const server = await startServer({ data: folder.path })
  stack.defer(async () => void (await server.stop()))
  const anna = await signedIn(stack, browser, server.url, 'Anna')
  const ben = await signedIn(stack, browser, server.url, 'Ben')

  await createDirect(anna, 'Ben')
  await write(anna, 'Hello Ben')
  const link = ben.getByRole('link', { name: 'Anna' })
  await link.getByText('New', { exact: true }).waitFor({ state: 'attached' })
  await link.click()
  await shows(ben, ['Hello Ben'])
  assert.equal(await ben.title(), 'Anna · Holdfast')

  await createGroup(ben, 'Elsewhere')
  await write(anna, 'Are you there?')
  await link.getByText('1 new').waitFor()
  await write(anna, 'Ben?')
  await link.getByText('2 new').waitFor()
  await until('the title', async () => (await ben.title()) === '(2) Elsewhere · Holdfast')
  await link.click()
  await shows(ben, ['Hello Ben', 'Are you there?', 'Ben?'])
  assert.match((await ben.locator('.unread-mark + li').textContent()) ?? '', /Are you there\?/)
  await until('nothing new', async () => (await link.getByText('new').count()) === 0)
})

test('[WEB16] whoever reads above, or in another room, is told how much came meanwhile', { skip }, async () => {
  using folder = temporaryFolder()
  await using stack = new AsyncDisposableStack()
  const server = await startServer({ data: folder.path })
  stack.defer(async () => void (await server.stop()))
  const room = await filledRoom(server, 40)
  const anna = await signedIn(stack, browser, server.url, 'Anna')
  const onPhone = await signedIn(stack, browser, server.url, 'Anna', { viewport: phone })
  await anna.getByRole('link', { name: 'Old room' }).click()
  await anna.getByText('Message 40', { exact: true }).waitFor()
  await onPhone.getByRole('link', { name: 'Old room' }).click()
  await onPhone.getByText('Message 40', { exact: true }).waitFor()
  await onPhone.getByRole('button', { name: 'Back to your rooms' }).click()
  await createDirect(onPhone, 'Ben')
  await scrolledTo(anna, 0)
  await anna.getByRole('button', { name: 'Newest' }).waitFor()

  const say = (text: string) => api(server, 'Ben', 'POST', `/v1/rooms/${room}/messages`, { clientId: text, text })
  await say('one')
  await say('two')

  const toEnd = anna.getByRole('button', { name: '2 new' })
  await toEnd.waitFor()
  await picture(anna, 'desktop-above')
  await onPhone.getByRole('button', { name: 'Back to your rooms 2 new' }).waitFor()
  await picture(onPhone, 'phone-elsewhere')
  const field = anna.getByRole('textbox', { name: 'Message Old room' })
  await field.focus()
  await toEnd.click()
  await toEnd.waitFor({ state: 'detached' })
  await anna.getByText('two', { exact: true }).waitFor()
  assert.equal(await field.evaluate((element) => element.matches(':focus')), true)
})

test('[WEB18] an owner removes people and the others leave, each after a question that says what it means', {
  skip,
}, async () => {
  using folder = temporaryFolder()
  await using stack = new AsyncDisposableStack()
  const server = await startServer({ data: folder.path })
  stack.defer(async () => void (await server.stop()))
  const room = await filledRoom(server, 1, ['Ben', 'Carla'])
  const anna = await signedIn(stack, browser, server.url, 'Anna', { colorScheme: 'dark' })
  const ben = await signedIn(stack, browser, server.url, 'Ben', { viewport: phone })
  for (const page of [anna, ben]) {
    await page.getByRole('link', { name: 'Old room' }).click()
    await page.getByRole('button', { name: 'People' }).click()
  }

  await ben.getByRole('dialog').getByText('Carla').waitFor()
  assert.equal(await ben.getByRole('button', { name: 'Remove' }).count(), 0)
  await anna.getByRole('button', { name: 'Remove Carla' }).click()
  await anna.getByText('Carla will not be able to read Old room').waitFor()
  await picture(anna, 'desktop-dark-remove')
  await anna.getByRole('button', { name: 'Cancel' }).click()
  await anna.getByRole('button', { name: 'Remove Carla' }).click()
  await anna.getByRole('button', { name: 'Remove', exact: true }).click()
  await anna.getByRole('button', { name: 'Remove Carla' }).waitFor({ state: 'detached' })
  await anna.getByRole('button', { name: 'Remove Ben' }).waitFor()
  await picture(anna, 'desktop-dark-people-owner')
  assert.equal(await anna.getByRole('button', { name: 'Leave' }).count(), 0)
  await anna.keyboard.press('Control+k')
  assert.ok(await anna.evaluate("document.querySelector('dialog').contains(document.activeElement)"))
  await anna.getByRole('button', { name: 'Close' }).click()
  const people = anna.getByRole('button', { name: 'People' })
  await until('the focus where it was', () => people.evaluate((button) => button.matches(':focus')))

  await picture(ben, 'phone-people-member')
  await ben.getByRole('button', { name: 'Leave this room' }).click()
  await ben.getByText('Only Anna can add you again.').waitFor()
  await picture(ben, 'phone-leave')
  await ben.getByRole('button', { name: 'Leave', exact: true }).click()
  await ben.getByText('You left Old room.').waitFor()
  await ben.getByRole('link', { name: 'Old room' }).waitFor({ state: 'detached' })
  await picture(ben, 'phone-left')
  await anna.getByText('Ben left').first().waitFor()
  const { members } = (await api(server, 'Anna', 'GET', `/v1/rooms/${room}`)) as { members: { user: string }[] }
  assert.deepEqual(
    members.map(({ user }) => user),
    ['Anna'],
  )
})

const SCREENSHOTS = process.env.HFTEST_SCREENSHOTS

test('[WEB21] search finds while one types, by room and person, and leads to a message in its context', {
  skip,
}, async () => {
  using folder = temporaryFolder()
  await using stack = new AsyncDisposableStack()
  const server = await startServer({ data: folder.path })
  stack.defer(async () => void (await server.stop()))
  const old = await filledRoom(server, 400)
  await api(server, 'Ben', 'POST', `/v1/rooms/${old}/messages?wait=stored`, {
    clientId: 'b',
    text: 'xin chào from Ben',
  })
  await api(server, 'Anna', 'POST', `/v1/rooms/${old}/messages?wait=stored`, { clientId: 'a', text: 'CHAO again' })
  const page = await signedIn(stack, browser, server.url, 'Anna')
  await createGroup(page, 'New room')
  await write(page, 'chao, and <b>chào</b>')
  await isAllStored(page)

  await page.keyboard.press('Control+k')
  const field = page.getByRole('searchbox', { name: 'Search messages' })
  assert.ok(await field.evaluate((element) => element.matches(':focus')))
  await field.blur()
  const atOnce = "dispatchEvent(new KeyboardEvent('keydown', { key: 'k', ctrlKey: true })), document.activeElement.id"
  assert.equal(await page.evaluate(atOnce), 'search', 'what is typed next goes there, however soon')
  const results = page.getByRole('region', { name: 'Search results' })
  const hits = () => results.locator('.hit-text').allTextContents()
  const finds = async (expected: readonly string[]) => {
    let seen: readonly string[] = []
    await until('the hits', async () => {
      seen = await hits()
      return seen.join('|') === expected.join('|')
    }).catch(() => assert.deepEqual(seen, expected))
  }
  await field.pressSequentially('cha')
  await finds(['chao, and <b>chào</b>', 'CHAO again', 'xin chào from Ben'])
  await results.getByText('3 found').waitFor()
  assert.deepEqual(await results.locator('mark').allTextContents(), ['chao', 'chào', 'CHAO', 'chào'])
  await field.press('Space')
  await results.getByText('Nothing found').waitFor()
  await field.fill('chao')
  await page.getByLabel('From').fill('Ben')
  await finds(['xin chào from Ben'])
  await page.getByLabel('From').fill('')
  await page.getByLabel('In', { exact: true }).selectOption('New room')
  await finds(['chao, and <b>chào</b>'])

  // From the middle of what was never loaded, and on from there in both directions.
  await page.getByLabel('In', { exact: true }).selectOption('Old room')
  await field.fill('message 100')
  await finds(['Message 100'])
  const isInView = (text: string) => hasInView(page, text)
  const leads = async () => {
    await results.getByRole('link').click()
    await until('the message in view', () => isInView('Message 100'))
    assert.equal(await page.locator('.message-found .bubble').textContent(), 'Message 100')
  }
  await leads()
  const isOnHit = () => results.getByRole('link').evaluate((link) => link.matches(':focus'))
  assert.ok(await isOnHit(), 'one goes on from the hit')
  assert.ok((await texts(page)).length < 200, 'most of the room is not loaded')
  await page.evaluate(`{
    const view = document.querySelector('.timeline')
    const holes = [...view.querySelectorAll('.hole')].map((hole) => hole.getBoundingClientRect().top)
    view.scrollTop += holes.find((top) => top > view.getBoundingClientRect().top) - view.getBoundingClientRect().bottom
  }`)
  await until('what came after it', async () => (await texts(page)).includes('Message 150'))
  const seen = (await texts(page)).map((text) => Number(text.replace('Message ', ''))).filter(Number.isInteger)
  assert.ok(seen.includes(150) && !seen.includes(250), 'what lies far behind it is still to be loaded')
  await leads()
  await page.getByRole('button', { name: 'Newest' }).click()
  await until('the newest message', () => isInView('CHAO again'))

  await page.reload()
  await until('the message that the address names', () => isInView('Message 100'))
  await page.goto(`${server.url}/#${old}/9999`)
  const gone = page.getByText('This message is not there any more.')
  await until('the sentence in view', async () => ((await gone.boundingBox().catch(() => null))?.y ?? -1) > 0)
  await page.setViewportSize(phone)
  await page.getByRole('button', { name: 'Search in this room' }).click()
  const isOnField = () => field.evaluate((element) => element.matches(':focus'))
  await until('the focus on the field', isOnField)
  await field.fill('message 100')
  await results.getByRole('link').click()
  const isOnTimeline = () => page.locator('.timeline').evaluate((element) => element.matches(':focus'))
  await until('the focus on what was said', isOnTimeline)
  await page.keyboard.press('Control+k')
  await until('the focus on the field again', isOnField)
  await field.fill('again')
  await finds(['CHAO again'])
  await field.press('Escape')
  await page.getByRole('link', { name: 'Old room' }).waitFor()
})

test('[WEB21] whoever is led to an old message has not seen what is new at the end', { skip }, async () => {
  using folder = temporaryFolder()
  await using stack = new AsyncDisposableStack()
  const server = await startServer({ data: folder.path })
  stack.defer(async () => void (await server.stop()))
  const room = await filledRoom(server, 200)
  const page = await signedIn(stack, browser, server.url, 'Ben')
  const isNew = page.getByRole('link', { name: 'Old room' }).getByText('New', { exact: true })
  await isNew.waitFor({ state: 'attached' })

  await page.goto(`${server.url}/#${room}/20`)
  await until('the message in view', () => hasInView(page, 'Message 20'))
  await page.goto(`${server.url}/#`)
  await page.getByText('Pick a room').waitFor()
  assert.equal(await isNew.count(), 1)

  await page.getByRole('link', { name: 'Old room' }).click()
  await until('the newest message', () => hasInView(page, 'Message 200'))
  // What was in view for a frame counts as seen.
  await page.evaluate('new Promise((over) => requestAnimationFrame(() => setTimeout(over)))')
  await page.goto(`${server.url}/#`)
  await page.getByText('Pick a room').waitFor()
  assert.equal(await isNew.count(), 0)
})

test('[WEB15] nothing is wider than the page, on phone and desktop, in light and dark', { skip }, async () => {
  using folder = temporaryFolder()
  await using stack = new AsyncDisposableStack()
  const server = await startServer({ data: folder.path })
  stack.defer(async () => void (await server.stop()))
  await conversation(server)
  for (const [device, viewport] of Object.entries({ phone, desktop: DESKTOP })) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await opened(stack, browser, server.url, {
        viewport,
        colorScheme,
        locale: 'en-GB',
        hasTouch: device === 'phone',
      })
      const shot = async (name: string) => {
        await picture(page, `${device}-${colorScheme}-${name}`)
        assert.equal(await page.evaluate('document.documentElement.scrollWidth'), viewport.width, `${device}: ${name}`)
      }
      await page.getByRole('textbox', { name: 'Your name' }).waitFor()
      await shot('1-sign-in')
      await enter(page, 'Anna')
      await page.getByText('You: Who has the dry bags?').waitFor()
      await shot('2-rooms')
      await page.getByRole('link', { name: 'Kelp forest survey' }).click()
      await page.getByText('Who has the dry bags?', { exact: true }).waitFor()
      await shot('3-room')
      await page.getByRole('button', { name: 'People' }).click()
      await page.getByRole('dialog').getByText('小林').waitFor()
      await shot('4-people')
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'Search in this room' }).click()
      await page.getByRole('searchbox').fill('th')
      await page.locator('.hit').nth(1).waitFor()
      await shot('4-search')
      await page.locator('.hit').first().click()
      await page.locator('.message-found').waitFor()
      await shot('4-search-led')
      if (device === 'phone') await page.getByRole('button', { name: 'Back to your rooms' }).click()
      await page.getByRole('button', { name: 'End the search' }).click()
      await page.getByRole('button', { name: 'New room' }).click()
      await shot('5-new-room-one')
      await page.getByText('Several people', { exact: true }).click()
      await page.getByLabel('The room’s name').fill('Night dive')
      await page.getByLabel('Who else').fill('Ben')
      await page.getByLabel('Who else').press('Enter')
      await shot('5-new-room')
    }
  }
})

interface Place {
  readonly key: string
  /** Its distance from the top of the page, in pixels. */
  readonly top: number
  readonly lines: number
}

/** Scrolls, and says in the same moment where the first line of the view stands: nothing can have been loaded in between. */
async function scrolledTo(page: Page, pixels: number): Promise<Place> {
  return page.evaluate<Place>(`{
    const timeline = document.querySelector('.timeline')
    timeline.scrollTop = ${pixels}
    const lines = [...timeline.querySelectorAll('[data-key]')]
    const first = lines.find((line) => line.getBoundingClientRect().bottom > timeline.getBoundingClientRect().top)
    const place = { key: first.dataset.key, top: first.getBoundingClientRect().top, lines: lines.length }
    place
  }`)
}

async function topOf(page: Page, key: string): Promise<number> {
  const box = await page.locator(`[data-key="${key}"]`).boundingBox()
  return box?.y ?? Number.NaN
}

/** Whether a message with just this text can be seen whole. */
function hasInView(page: Page, text: string): Promise<boolean> {
  return page.evaluate<boolean>(`(() => {
    const view = document.querySelector('.timeline')?.getBoundingClientRect()
    const line = [...document.querySelectorAll('.bubble')].find(({ textContent }) => textContent === '${text}')
    const box = line?.getBoundingClientRect()
    return view !== undefined && box !== undefined && box.top >= view.top && box.bottom <= view.bottom
  })()`)
}

async function picture(page: Page, name: string): Promise<void> {
  if (SCREENSHOTS === undefined) return
  mkdirSync(SCREENSHOTS, { recursive: true })
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), animations: 'disabled' })
}

// ---- the other way in ------------------------------------------------------------------------------------------------

async function roomOf(page: Page): Promise<string> {
  return decodeURIComponent(new URL(page.url()).hash.slice(1))
}

/** The texts of a room, as the server has them. */
async function history(server: ServerProcess, user: string, room: string): Promise<string[]> {
  const { entries } = (await api(server, user, 'GET', `/v1/rooms/${encodeURIComponent(room)}/timeline?limit=200`)) as {
    entries: { kind: string; text: string }[]
  }
  return entries.filter(({ kind }) => kind === 'message').map(({ text }) => text)
}

async function filledRoom(server: ServerProcess, messages: number, members = ['Ben']): Promise<string> {
  const made = (await api(server, 'Anna', 'POST', '/v1/rooms', {
    kind: 'group',
    name: 'Old room',
    members,
  })) as {
    room: string
  }
  for (let i = 1; i <= messages; i++) {
    await api(server, 'Anna', 'POST', `/v1/rooms/${made.room}/messages`, { clientId: `m${i}`, text: `Message ${i}` })
  }
  return made.room
}

/** Something to look at. */
async function conversation(server: ServerProcess): Promise<void> {
  const members = ['Ben', 'Chiara', '小林']
  const { room } = (await api(server, 'Anna', 'POST', '/v1/rooms', {
    kind: 'group',
    name: 'Kelp forest survey',
    members,
  })) as { room: string }
  const lines = [
    [
      'Ben',
      'Morning! Tide table: https://example.org/tides/week-47?station=north-harbour&unit=m (low water is early).',
    ],
    ['小林', '了解です。明日は九時に港で集合しましょう。ボートの鍵は私が持っています。'],
    ['小林', '👍🏽🌊'],
    ['Chiara', `I do. ${'averyveryverylongwordwithoutanybreak'.repeat(5)}`],
    ['Anna', 'Great. I will bring the cameras and charge the lights tonight.'],
    ['Anna', 'Who has the dry bags?'],
  ] as const
  for (const [i, [user, text]] of lines.entries()) {
    await api(server, user, 'POST', `/v1/rooms/${room}/messages?wait=stored`, { clientId: `line ${i}`, text })
  }
  await api(server, 'Ben', 'POST', '/v1/rooms', { kind: 'direct', members: ['Anna'] })
  await api(server, '小林', 'POST', '/v1/rooms', {
    kind: 'group',
    name: 'Boat rota, winter, all teams and every visiting researcher',
    members: ['Anna'],
  })
}

const tokens = new Map<string, Promise<string>>()

async function api(server: ServerProcess, user: string, method: string, path: string, body?: object): Promise<unknown> {
  const key = `${server.pid} ${user}`
  const token = tokens.get(key) ?? signIn(server.url, user)
  tokens.set(key, token)
  const response = await fetch(server.url + path, {
    method,
    headers: {
      authorization: `Bearer ${await token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (response.status === 429) {
    const { retryAfterMs } = (await response.json()) as { retryAfterMs: number }
    await setTimeout(retryAfterMs)
    return api(server, user, method, path, body)
  }
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${await response.clone().text()}`)
  return response.json()
}
