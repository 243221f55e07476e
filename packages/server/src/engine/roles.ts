import type { Alert } from '../core/alert.ts'
import { createIndexer, type Indexer } from '../indexer/indexer.ts'
import type { IndexerObserver, IndexerSettings } from '../indexer/settings.ts'
import { Services } from '../lifecycle.ts'
import type { Logs } from '../ports/log.ts'
import type { SearchIndex } from '../ports/search.ts'
import type { Store } from '../ports/store.ts'
import type { Clock, Failpoint, Logger, Random, Service, Sha256 } from '../ports/system.ts'
import type { WorkerObserver } from '../worker/observer.ts'
import type { WorkerSettings } from '../worker/settings.ts'
import { createWorker, type Worker } from '../worker/worker.ts'

export interface RolesOptions {
  /** The worker's name in leases and letters, and the build that writes them. */
  readonly name: string
  readonly build: string
  readonly logs: Logs
  readonly store: Pick<Store, 'timeline' | 'history'>
  readonly search: SearchIndex
  readonly clock: Clock
  readonly random: Random
  readonly sha256: Sha256
  readonly logger: Logger
  readonly failpoint: Failpoint
  readonly settings: { readonly worker: WorkerSettings; readonly indexer: IndexerSettings }
  readonly observers: { readonly worker: WorkerObserver; readonly indexer: IndexerObserver }
  readonly alert: Alert
}

export interface Roles {
  readonly worker: Worker
  readonly indexer: Indexer
  /** Both of them. */
  readonly services: Service
}

/**
 * The worker and the indexer, side by side on the same engines. The worker knows no index: what it publishes is the indexer's queue,
 * at a position of its own, so an index that is slow or dead costs storing nothing (I10).
 */
export function createRoles({ logs, store, search, settings, observers, ...shared }: RolesOptions): Roles {
  const worker = createWorker({ ...shared, logs, store, settings: settings.worker, observer: observers.worker })
  const indexer = createIndexer({
    ...shared,
    logs,
    history: store.history,
    search,
    settings: settings.indexer,
    observer: observers.indexer,
  })
  return { worker, indexer, services: new Services([worker, indexer], shared.logger) }
}

/** One line for each partition that is paused; a start is no pause. */
export function pausesOf(worker: Pick<Worker, 'status'>): string[] {
  return worker.status().flatMap((status) => {
    if (status.state !== 'paused' || status.reason === 'starting') return []
    return [`worker, partition ${status.partition}: paused (${status.reason})`]
  })
}
