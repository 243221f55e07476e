import { type ChildProcess, fork, type StdioOptions } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The other thing, in a process of its own: something bare that does the least of the same work. */
export class Bare {
  readonly pid: number
  private readonly child: ChildProcess

  private constructor(child: ChildProcess) {
    this.child = child
    this.pid = child.pid ?? 0
  }

  /** Starts a file of `bare/` and resolves with its first message. */
  static async start<Hello>(
    name: string,
    { args = [], nodeOptions = [] }: BareOptions = {},
  ): Promise<{ bare: Bare; hello: Hello }> {
    const file = fileURLToPath(new URL(`../bare/${name}.ts`, import.meta.url))
    // An inspected process chatters on its standard error.
    const errors = nodeOptions.length > 0 ? 'ignore' : 'inherit'
    const stdio: StdioOptions = ['ignore', 'inherit', errors, 'ipc']
    const child = fork(file, args, { execArgv: [...process.execArgv, ...nodeOptions], stdio })
    const bare = new Bare(child)
    return { bare, hello: await bare.next<Hello>() }
  }

  ask<Answer>(question: object): Promise<Answer> {
    this.child.send(question)
    return this.next<Answer>()
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve))
    this.child.disconnect()
    await ended
  }

  private next<Message>(): Promise<Message> {
    return new Promise((resolve, reject) => {
      const ended = () => reject(new Error('the bare process ended'))
      this.child.once('exit', ended)
      this.child.once('message', (message) => {
        this.child.off('exit', ended)
        resolve(message as Message)
      })
    })
  }
}

export interface BareOptions {
  readonly args?: readonly string[]
  readonly nodeOptions?: readonly string[]
}
