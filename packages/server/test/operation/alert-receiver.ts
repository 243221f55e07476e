import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { AlertKind } from '../../src/core/alert.ts'

/** Where an operator's alerts arrive. */
export interface AlertReceiver extends AsyncDisposable {
  readonly url: string
  readonly alerts: readonly { readonly kind: AlertKind; readonly part?: string }[]
}

export async function receiveAlerts(): Promise<AlertReceiver> {
  const alerts: AlertReceiver['alerts'][number][] = []
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const piece of request.setEncoding('utf8')) text += piece
    alerts.push(JSON.parse(text))
    response.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/alerts`,
    alerts,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}
