import { type Mutant, tests } from '../mutant.ts'
import { INDEXER_TESTS, ROLES_TESTS } from '../places.ts'

/** Storing waits for the index, or what the index did not take is lost. */
export const INDEX_IN_THE_WAY: readonly Mutant[] = [
  {
    name: 'publish-behind-the-index',
    undoes: 'defect 3',
    what: 'What is stored is published only once the index has answered.',
    edits: [
      {
        file: 'packages/server/src/engine/roles.ts',
        find: `  const worker = createWorker({ ...shared, logs, store,`,
        replace: `  const feed = new Proxy(logs.feed, {
    get(log, name) {
      const value = Reflect.get(log, name, log)
      if (name === 'append')
        return async (...args: Parameters<typeof log.append>) => {
          await search.refresh()
          return log.append(...args)
        }
      return typeof value === 'function' ? value.bind(log) : value
    },
  })
  const worker = createWorker({ ...shared, logs: { ...logs, feed }, store,`,
      },
    ],
    killedBy: tests(['IDX13'], [ROLES_TESTS]),
  },
  {
    name: 'start-behind-the-index',
    undoes: 'defect 3',
    what: 'The worker starts only once the index has answered.',
    edits: [
      {
        file: 'packages/server/src/engine/roles.ts',
        find: `new Services([worker, indexer], shared.logger)`,
        replace: `new Services(
      [
        {
          start: () => search.progress(0).then(
            () => worker.start(),
            () => {},
          ),
          stop: () => worker.stop(),
        },
        indexer,
      ],
      shared.logger,
    )`,
      },
    ],
    killedBy: tests(['IDX13'], [ROLES_TESTS]),
  },
  {
    name: 'index-tries-once',
    undoes: 'defect 3',
    what: 'What the index does not take at once is never indexed.',
    edits: [
      {
        file: 'packages/server/src/indexer/writer.ts',
        find: `    const answer = await this.until(() => search.write(request).catch(keepPoison(documents.length > 0)))`,
        replace: `    const answer = await search.write(request).catch(() => documents)`,
      },
    ],
    killedBy: tests(['IDX3', 'IDX13'], [INDEXER_TESTS, ROLES_TESTS]),
  },
  {
    name: 'index-commits-first',
    undoes: 'defect 3',
    what: "The indexer's position moves before the index has what it stands for.",
    edits: [
      {
        file: 'packages/server/src/indexer/follower.ts',
        find: `    const write = () =>`,
        replace: `    await writer.until(() => this.#commit(next))
    const write = () =>`,
      },
    ],
    killedBy: tests(['IDX3', 'IDX13'], [INDEXER_TESTS, ROLES_TESTS]),
  },
]
