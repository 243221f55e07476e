import { Agent, type IncomingMessage, request } from 'node:http'

/** Plain requests over connections that are kept, with as little around them as possible: what is measured is the server. */
export class Http {
  readonly #base: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #agent = new Agent({ keepAlive: true })

  constructor(base: string, headers: Readonly<Record<string, string>> = {}) {
    this.#base = base
    this.#headers = headers
  }

  /** Resolves with the JSON answered; rejects, with a Refused, where that is an error. The body is JSON, or lines of it. */
  ask(method: string, path: string, body = ''): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const type = body.endsWith('\n') ? 'application/x-ndjson' : 'application/json'
      const about = body === '' ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(body) }
      const options = { method, agent: this.#agent, headers: { ...this.#headers, ...about } }
      request(new URL(path, this.#base), options, (answer) => resolve(read(answer)))
        .on('error', reject)
        .end(body)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

/** An answer that is an error. */
export class Refused extends Error {
  readonly status: number

  constructor(status: number, text: string) {
    super(`${status} was answered: ${text}`)
    this.status = status
  }
}

async function read(answer: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const part of answer.setEncoding('utf8')) text += part
  const { statusCode = 0 } = answer
  if (statusCode !== 200) throw new Refused(statusCode, text)
  return JSON.parse(text)
}
