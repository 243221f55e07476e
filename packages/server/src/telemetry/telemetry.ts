import type { CloseCode } from '@holdfast/protocol'
import type * as Prometheus from 'prom-client'
import type { ApiObserver } from '../api/observer.ts'
import type { AlertKind } from '../core/alert.ts'
import type { IntakeObserver } from '../core/intake.ts'
import type { End } from '../core/submissions.ts'
import type { GatewayObserver } from '../gateway/context.ts'
import type { IndexerObserver } from '../indexer/settings.ts'
import { failureClass } from '../ports/failure.ts'
import type { Log } from '../ports/log.ts'
import type { SearchIndex } from '../ports/search.ts'
import type { Store } from '../ports/store.ts'
import type { Clock } from '../ports/system.ts'
import type { PartitionStatus, WorkerObserver } from '../worker/observer.ts'
import { Histogram, type Series } from './histogram.ts'

/** Which thread measures: `main` has sockets and HTTP, `engine` worker and indexer. Each shows metrics of its own only. */
export type Part = 'main' | 'engine'

/** The library is loaded so long after the start: by then the other thread is ready too, and needs the processors no more. */
const LOAD_AFTER_MS = 1_000
/** So many measurements do not wait for that. */
const EARLY_MEASUREMENTS = 1_000
/** How many measurements are kept until the library is there to count them. */
const EARLY_MEASUREMENTS_MAX = 10_000

/** Where samples come from that are only looked at when somebody asks. */
type Sampler = (metrics: Metrics) => void | Promise<void>

/** From a write on a fast disk to an outage of a minute. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const RECORDS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000]

/**
 * Everything that is measured, as Prometheus asks for it. The library is loaded after the start (`load`), because a start must not wait for it:
 * what is measured before is counted then.
 */
export class Telemetry {
  readonly #part: Part
  readonly #clock: Clock
  readonly #samplers: Sampler[] = []
  #early: ((metrics: Metrics) => void)[] = []
  #metrics: Metrics | undefined
  #loading: Promise<Metrics> | undefined
  readonly #histograms: Histogram[] = []
  readonly #batchRecords: Series
  readonly #storedSeconds: Series
  readonly #acceptedSeconds: Series
  readonly #endedSeconds: Readonly<Record<End['end'], Series>>
  readonly #requestSeconds: Histogram
  readonly #callSeconds: Histogram
  /** Counted here for every message, and told to the library when somebody asks. */
  #entries = 0
  #deliveries = 0

  constructor(part: Part, clock: Clock) {
    this.#part = part
    this.#clock = clock
    // What belongs to the other thread is not shown here, where it would stand at 0.
    const histogram = (owner: Part, name: string, help: string, bounds: readonly number[]) => {
      const made = new Histogram({ name: `holdfast_${name}`, help, bounds })
      if (owner === part) this.#histograms.push(made)
      return made
    }
    this.#batchRecords = histogram('engine', 'worker_batch_records', 'Records of a batch.', RECORDS).with()
    this.#storedSeconds = histogram(
      'engine',
      'worker_stored_seconds',
      'From accepted to durable in the store.',
      SECONDS,
    ).with()
    this.#acceptedSeconds = histogram(
      'main',
      'command_accepted_seconds',
      'From the request to accepted.',
      SECONDS,
    ).with()
    const ended = histogram('main', 'command_ended_seconds', 'From the request to its end.', SECONDS)
    this.#endedSeconds = {
      stored: ended.with({ end: 'stored' }),
      refused: ended.with({ end: 'refused' }),
      dead: ended.with({ end: 'dead' }),
    }
    this.#requestSeconds = histogram('main', 'http_request_seconds', 'Requests.', SECONDS)
    this.#callSeconds = histogram(part, `${part}_call_seconds`, 'Calls of the engines.', SECONDS)
  }

  /** For the end of a start. */
  load(): void {
    this.#clock.after(LOAD_AFTER_MS, () => this.#loadEarly())
  }

  #loadEarly(): void {
    // Whoever asks for the text tries again, and is told what is wrong.
    this.#loaded().catch(() => {})
  }

  async #loaded(): Promise<Metrics> {
    this.#loading ??= import('prom-client').then((library) => {
      const metrics = new Metrics(library, this.#part)
      this.#metrics = metrics
      for (const measure of this.#early) measure(metrics)
      this.#early = []
      return metrics
    })
    try {
      return await this.#loading
    } catch (error) {
      this.#loading = undefined
      throw error
    }
  }

  /** Everything measured so far, in Prometheus' text format. What cannot be sampled now is left out. */
  async text(): Promise<string> {
    const metrics = await this.#loaded()
    await Promise.allSettled(this.#samplers.map(async (sample) => sample(metrics)))
    metrics.entries.inc(this.#entries)
    metrics.deliveries.inc(this.#deliveries)
    this.#entries = 0
    this.#deliveries = 0
    return (await metrics.registry.metrics()) + this.#histograms.map((histogram) => histogram.text()).join('')
  }

  #record(measure: (metrics: Metrics) => void): void {
    if (this.#metrics !== undefined) measure(this.#metrics)
    else if (this.#early.length < EARLY_MEASUREMENTS_MAX && this.#early.push(measure) === EARLY_MEASUREMENTS)
      this.#loadEarly()
  }

  // ---- what the parts tell ---------------------------------------------------------------------------------------------

  readonly worker: WorkerObserver = {
    batch: (report) => {
      this.#batchRecords.observe(report.records)
      this.#record(({ batches, outcomes, deaths }) => {
        batches.inc()
        for (const end of ['stored', 'adopted', 'refused', 'reused', 'copies', 'waiting'] as const)
          if (report[end] > 0) outcomes.inc({ outcome: end }, report[end])
        for (const [kind, count] of Object.entries(report.dead)) if (count > 0) deaths.inc({ class: kind }, count)
      })
    },
    latency: (ms, count) => this.#storedSeconds.observe(ms / 1_000, count),
    conflict: (partition) => this.#record(({ conflicts }) => conflicts.inc({ partition })),
    fenced: (partition) => this.#record(({ fenced }) => fenced.inc({ partition })),
    paused: (partition, reason, ms) => this.#record(({ paused }) => paused.inc({ partition, reason }, ms / 1_000)),
    restarted: (partition) => this.#record(({ restarts }) => restarts.inc({ partition })),
  }

  readonly indexer: IndexerObserver = {
    indexed: (documents) => this.#record(({ indexed }) => indexed.inc({ from: 'feed' }, documents)),
    filled: (documents) => this.#record(({ indexed }) => indexed.inc({ from: 'store' }, documents)),
    dropped: (documents) => this.#record(({ dropped }) => dropped.inc(documents)),
    failed: () => this.#record(({ indexFailures }) => indexFailures.inc()),
  }

  readonly intake: IntakeObserver = {
    accepted: (ms) => this.#acceptedSeconds.observe(ms / 1_000),
    ended: (end, ms) => this.#endedSeconds[end].observe(ms / 1_000),
    failed: ({ code }) => this.#record(({ failedCommands }) => failedCommands.inc({ code })),
  }

  readonly gateway: GatewayObserver = {
    opened: () => this.#record(({ sessions }) => sessions.inc()),
    closed: (code: CloseCode | undefined) =>
      this.#record(({ sessions, closes }) => {
        sessions.dec()
        closes.inc({ code: code ?? 'none' })
      }),
    refused: (code) => this.#record(({ refusedRequests }) => refusedRequests.inc({ code })),
    delivered: (count) => {
      this.#entries++
      this.#deliveries += count
    },
  }

  readonly api: ApiObserver = {
    answered: (method, route, status, ms) => this.#requestSeconds.with({ method, route, status }).observe(ms / 1_000),
  }

  alerted(kind: AlertKind): void {
    this.#record(({ alerts }) => alerts.inc({ kind }))
  }

  // ---- what is looked at when somebody asks ----------------------------------------------------------------------------

  /** How far each partition is, and what it waits for. */
  watchWorker(status: () => readonly PartitionStatus[]): void {
    this.#samplers.push(({ finished, read, oldestSeconds, waitingRecords, isPaused }) => {
      const partitions = status()
      isPaused.reset()
      for (const { partition, next, end, oldest, waitingRecords: waiting, ...state } of partitions) {
        finished.set({ partition }, next)
        read.set({ partition }, end)
        waitingRecords.set({ partition }, waiting)
        oldestSeconds.set({ partition }, oldest === undefined ? 0 : (this.#clock.now() - oldest) / 1_000)
        if (state.state === 'paused') isPaused.set({ partition, reason: state.reason }, 1)
      }
    })
  }

  /** How far these groups are behind a log. */
  watchLag(log: Pick<Log, 'name' | 'lag'>, groups: readonly string[]): void {
    this.#samplers.push(async ({ lagRecords, lagSeconds }) => {
      for (const group of groups) {
        for (const { partition, records, oldest } of await log.lag(group)) {
          const place = { log: log.name, group, partition }
          lagRecords.set(place, records)
          lagSeconds.set(place, oldest === undefined ? 0 : Math.max(0, this.#clock.now() - oldest) / 1_000)
        }
      }
    })
  }

  watchIntake(status: () => { readonly appending: number; readonly waiting: number }): void {
    this.#samplers.push(({ appending, waitingCommands }) => {
      appending.set(status().appending)
      waitingCommands.set(status().waiting)
    })
  }

  // ---- ports, at the seam ----------------------------------------------------------------------------------------------

  /** The same log, with its calls counted and timed. */
  observeLog<Observed extends Pick<Log, 'name'>>(log: Observed): Observed {
    return this.#observed(log, 'log', log.name)
  }

  observeStore(store: Store): Store {
    return {
      timeline: this.#observed(store.timeline, 'store', 'timeline'),
      history: this.#observed(store.history, 'store', 'history'),
      letters: this.#observed(store.letters, 'store', 'letters'),
      users: this.#observed(store.users, 'store', 'users'),
      audit: this.#observed(store.audit, 'store', 'audit'),
    }
  }

  observeSearch(search: SearchIndex): SearchIndex {
    return this.#observed(search, 'search', 'index')
  }

  /** Every method that answers with a promise is timed; everything else is as it was. */
  #observed<Port extends object>(target: Port, port: string, name: string): Port {
    const methods = new Map<string | symbol, unknown>()
    return new Proxy(target, {
      get: (_, key) => {
        const value: unknown = Reflect.get(target, key, target)
        if (typeof value !== 'function') return value
        const known = methods.get(key) ?? this.#timed(value.bind(target), { port, name, call: String(key) })
        methods.set(key, known)
        return known
      },
    })
  }

  #timed(method: (...args: readonly unknown[]) => unknown, labels: { port: string; name: string; call: string }) {
    const seconds = this.#callSeconds.with(labels)
    return (...args: readonly unknown[]): unknown => {
      const start = this.#clock.elapsed()
      const answer = method(...args)
      if (!(answer instanceof Promise)) return answer
      const took = () => seconds.observe((this.#clock.elapsed() - start) / 1_000)
      answer.then(took, (error) => {
        took()
        this.#record(({ callErrors }) => callErrors.inc({ ...labels, class: failureClass(error) }))
      })
      return answer
    }
  }
}

/** The texts of several threads as one: no metric is in two of them, so they may stand one after the other. */
export function joinMetrics(texts: readonly string[]): string {
  return texts.join('')
}

// ---- the metrics -----------------------------------------------------------------------------------------------------

/** Every metric of the library, by what it is called in here. */
class Metrics {
  readonly registry: Prometheus.Registry
  readonly batches
  readonly outcomes
  readonly deaths
  readonly conflicts
  readonly fenced
  readonly paused
  readonly restarts
  readonly failedCommands
  readonly sessions
  readonly closes
  readonly refusedRequests
  readonly entries
  readonly deliveries
  readonly alerts
  readonly finished
  readonly read
  readonly oldestSeconds
  readonly waitingRecords
  readonly isPaused
  readonly lagRecords
  readonly lagSeconds
  readonly indexed
  readonly dropped
  readonly indexFailures
  readonly appending
  readonly waitingCommands
  readonly callErrors

  constructor(library: typeof Prometheus, part: Part) {
    const { Registry, collectDefaultMetrics } = library
    this.registry = new Registry()
    // Of the process as a whole: once is enough.
    if (part === 'main') collectDefaultMetrics({ register: this.registry })
    // What belongs to the other thread is not shown here, where it would stand at 0.
    const engine = kinds(library, part === 'engine' ? [this.registry] : [], 'holdfast')
    const server = kinds(library, part === 'main' ? [this.registry] : [], 'holdfast')
    const ports = kinds(library, [this.registry], `holdfast_${part}`)

    this.batches = engine.counter('worker_batches_total', 'Batches that were finished.')
    this.outcomes = engine.counter('worker_outcomes_total', 'What records came to; adopted: stored before.', 'outcome')
    this.deaths = engine.counter('worker_dead_letters_total', 'Commands that could not be processed.', 'class')
    this.conflicts = engine.counter(
      'worker_seq_conflicts_total',
      'Numbers or ids somebody else had taken.',
      'partition',
    )
    this.fenced = engine.counter('worker_fenced_total', 'Stops because another worker took over.', 'partition')
    this.paused = engine.counter('worker_paused_seconds_total', 'Time stood still, by reason.', 'partition', 'reason')
    this.restarts = engine.counter('worker_restarts_total', 'Starts anew by the watchdog.', 'partition')
    this.finished = engine.gauge('worker_finished_offset', 'Everything below this offset is finished.', 'partition')
    this.read = engine.gauge('worker_read_offset', 'One above the highest offset read.', 'partition')
    this.oldestSeconds = engine.gauge('worker_oldest_unfinished_seconds', 'Age of the oldest one.', 'partition')
    this.waitingRecords = engine.gauge('worker_waiting_records', 'Records that wait for something.', 'partition')
    this.isPaused = engine.gauge('worker_paused', '1 while it stands still for this reason.', 'partition', 'reason')
    this.lagRecords = engine.gauge('log_lag_records', 'Records not committed.', 'log', 'group', 'partition')
    this.lagSeconds = engine.gauge('log_lag_seconds', 'Age of the oldest of them.', 'log', 'group', 'partition')
    this.indexed = engine.counter('indexer_documents_total', 'Documents written, by where they came from.', 'from')
    this.dropped = engine.counter('indexer_dropped_total', 'Documents that the index can never take.')
    this.indexFailures = engine.counter('indexer_failures_total', 'Calls that failed and are tried again.')

    this.failedCommands = server.counter('command_failures_total', 'Tries that were not accepted.', 'code')
    this.appending = server.gauge('commands_appending', 'Commands in front of the log.')
    this.waitingCommands = server.gauge('commands_waiting', 'Commands whose end somebody waits for.')
    this.sessions = server.gauge('gateway_sessions', 'Open sockets.')
    this.closes = server.counter('gateway_closes_total', 'Sockets closed, by close code.', 'code')
    this.refusedRequests = server.counter('gateway_errors_total', 'Requests answered with an error.', 'code')
    this.entries = server.counter('gateway_entries_total', 'Entries that somebody here was to hear of.')
    this.deliveries = server.counter('gateway_deliveries_total', 'Entries times the sessions they went to.')
    this.alerts = server.counter('alerts_total', 'Alerts raised.', 'kind')

    this.callErrors = ports.counter('call_errors_total', 'Calls that failed.', 'port', 'name', 'call', 'class')
  }
}

/** Makes metrics whose names begin alike, shown in these registries. */
function kinds({ Counter, Gauge }: typeof Prometheus, registers: Prometheus.Registry[], prefix: string) {
  const common = (name: string, help: string, labelNames: string[]) => ({
    name: `${prefix}_${name}`,
    help,
    labelNames,
    registers,
  })
  return {
    counter: (name: string, help: string, ...labels: string[]) => new Counter(common(name, help, labels)),
    gauge: (name: string, help: string, ...labels: string[]) => new Gauge(common(name, help, labels)),
  }
}
