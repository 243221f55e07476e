import { accessSync, constants } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const USUAL = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]
const FLAGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** The browser of this machine: `HFTEST_CHROMIUM`, else where it usually is. */
export const chromiumPath = [process.env.HFTEST_CHROMIUM, ...USUAL].find(
  (path) => path !== undefined && isExecutable(path),
)

/** Why the tests that need a browser are skipped; undefined where they run. Where everything must run, they fail instead. */
export const skipReason =
  chromiumPath === undefined && process.env.CI !== 'true'
    ? 'no Chromium here: apt-get install chromium fonts-noto-cjk fonts-noto-color-emoji, or name one in HFTEST_CHROMIUM'
    : undefined

/** A browser with an empty profile. */
export async function launchChromium(): Promise<Browser> {
  if (chromiumPath === undefined)
    throw new Error('These tests need Chromium: apt-get install chromium, or name one in HFTEST_CHROMIUM.')
  const isRoot = process.getuid?.() === 0
  return chromium.launch({
    executablePath: chromiumPath,
    headless: true,
    args: isRoot ? [...FLAGS, '--no-sandbox'] : FLAGS,
  })
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
