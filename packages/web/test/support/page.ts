import assert from 'node:assert/strict'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { until } from '../../../server/test/support/server.ts'

export const DESKTOP = { width: 1280, height: 800 }

// ---- what people do --------------------------------------------------------------------------------------------------

/** A window of its own, with an empty storage: somebody else's. */
export async function opened(
  stack: AsyncDisposableStack,
  browser: Browser | undefined,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Page> {
  assert.ok(browser)
  const context = await browser.newContext({ viewport: DESKTOP, locale: 'en-GB', ...options })
  stack.defer(() => context.close())
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  page.on('pageerror', (error) => assert.fail(error))
  page.on('console', (message) => assert.doesNotMatch(message.text(), /Content Security Policy/))
  await page.goto(url)
  return page
}

export async function enter(page: Page, name: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Your name' }).fill(name)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

export async function signedIn(
  stack: AsyncDisposableStack,
  browser: Browser | undefined,
  url: string,
  name: string,
  options?: BrowserContextOptions,
): Promise<Page> {
  const page = await opened(stack, browser, url, options)
  await enter(page, name)
  await page.locator('[data-connection="live"]').first().waitFor({ state: 'attached' })
  return page
}

export async function createGroup(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: 'New room' }).first().click()
  await page.getByText('Several people', { exact: true }).click()
  await page.getByLabel('The room’s name').fill(name)
  await page.getByRole('button', { name: 'Create' }).click()
  await page.getByRole('heading', { name, exact: true }).waitFor()
}

export async function createDirect(page: Page, peer: string): Promise<void> {
  await page.getByRole('button', { name: 'New room' }).first().click()
  await until('the focus on the name', () => page.getByLabel('Their name').evaluate((field) => field.matches(':focus')))
  await page.getByLabel('Their name').fill(peer)
  await page.getByRole('button', { name: 'Create' }).click()
  await page.getByRole('heading', { name: peer, exact: true }).waitFor()
}

export async function addSomebody(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: 'People' }).click()
  await page.getByLabel('Add somebody').fill(name)
  await page.getByRole('button', { name: 'Add', exact: true }).click()
  await page.getByText(`${name} is in.`).waitFor()
  await page.keyboard.press('Escape')
}

export async function write(page: Page, text: string): Promise<void> {
  const field = page.getByRole('textbox', { name: /^Message / })
  await field.fill(text)
  await field.press('Enter')
}

// ---- what they see ---------------------------------------------------------------------------------------------------

export async function texts(page: Page): Promise<string[]> {
  return page.locator('.bubble').allTextContents()
}

/** Waits until these messages are on the screen, each once, in whatever order. */
export async function shows(page: Page, expected: readonly string[]): Promise<void> {
  let seen: string[] = []
  const isAll = async () => {
    seen = await texts(page)
    return seen.length >= expected.length && expected.every((text) => seen.includes(text))
  }
  await until('every message on the screen', isAll).catch(() => {})
  assert.deepEqual(seen.toSorted(), [...expected].sort())
}

export async function isAllStored(page: Page): Promise<void> {
  const states = () =>
    page.evaluate<string[]>("Array.from(document.querySelectorAll('[data-state]'), (line) => line.dataset.state)")
  await until('every message of one’s own to be stored', async () =>
    (await states()).every((state) => state === 'stored'),
  )
  assert.ok((await states()).length > 0)
}
