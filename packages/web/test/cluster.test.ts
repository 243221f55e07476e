import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { Cluster } from '../../server/test/cluster/installation.ts'
import { engineForTests } from '../../server/test/support/engines.ts'
import { launchChromium, skipReason } from './support/chromium.ts'
import { addSomebody, createGroup, isAllStored, shows, signedIn, write } from './support/page.ts'

const skip = skipReason ?? false
const kafka = skip === false ? await engineForTests('kafka') : undefined
const mongodb = skip === false ? await engineForTests('ferretdb') : undefined
let browser: Browser | undefined

before(async () => {
  if (skip === false) browser = await launchChromium()
})
after(() => browser?.close())

if (kafka !== undefined && mongodb !== undefined)
  test('[CLU30] two browsers on different gateways of a cluster chat, also while one gateway and one worker are replaced', {
    skip,
    timeout: 180_000,
  }, async () => {
    await using cluster = await Cluster.open({ kafka: kafka.url, mongodb: mongodb.url })
    const [here, there, worker] = await Promise.all(
      ['gateway', 'gateway', 'worker', 'worker', 'indexer'].map((role) => cluster.start(role)),
    )
    if (here === undefined || there === undefined || worker === undefined) throw new Error('not all have started')
    await using stack = new AsyncDisposableStack()
    const anna = await signedIn(stack, browser, here.url, 'Anna')
    const ben = await signedIn(stack, browser, there.url, 'Ben')
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
    for (const page of [anna, ben]) await shows(page, said)

    worker.signal('SIGKILL')
    const port = Number(new URL(there.url).port)
    await there.stop()
    await say(anna, 'Anna meanwhile')
    await say(ben, 'Ben meanwhile')
    await cluster.start('gateway', { port })
    await say(ben, 'Ben afterwards')
    for (const page of [anna, ben]) {
      await shows(page, said)
      await isAllStored(page)
    }
    await cluster.isQuiet()
  })
