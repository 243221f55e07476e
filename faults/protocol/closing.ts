// Closes a client at every moment of its life and then does nothing: the process ends by itself only if nothing was left running.
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { type Client, loadClient, type News } from './client.ts'

const [name = '', url = '', token = '', room = ''] = process.argv.slice(2)
const connect = await loadClient(name)
const news: News = { entry() {}, opened() {}, reset() {}, left() {} }

await closed('before its token', connect({ url, news, getToken: () => new Promise(() => {}) }))
await closed('while it connects', await connecting())
await closed('between two tries', await apart())
await closed('live', await live())

/** Whoever still waits must hear so. */
async function closed(moment: string, client: Client): Promise<void> {
  const sent = client.send(room, `sent ${moment}`)
  client.close()
  client.close()
  const why: unknown = await sent.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (why === undefined) throw new Error(`a send that had no time was stored: closed ${moment}`)
  console.log(moment)
}

/** Somebody takes the connection and says nothing. */
async function connecting(): Promise<Client> {
  const silent = createServer((socket) => socket.on('error', () => {}).resume())
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const { port } = silent.address() as AddressInfo
  const client = connect({ url: `http://127.0.0.1:${port}`, news, getToken: async () => token })
  await once(silent, 'connection')
  silent.close()
  return client
}

/** Nobody is at the address; the second token is asked for when the first try has failed. */
async function apart(): Promise<Client> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let asked = 0
  const getToken = async () => {
    if (++asked > 1) resolve()
    return token
  }
  const client = connect({ url: 'http://127.0.0.1:1', news, getToken })
  await promise
  return client
}

async function live(): Promise<Client> {
  const client = connect({ url, news, getToken: async () => token })
  await client.createRoom(room, [])
  await client.send(room, 'stored')
  return client
}
