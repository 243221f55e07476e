import { hostname } from 'node:os'
import { systemClock } from '../adapters/system/clock.ts'
import { createLogger } from '../adapters/system/logger.ts'
import type { Alerts } from '../api/alerts.ts'
import type { Config } from '../config/config.ts'
import { connectEngine, type EngineThread } from '../engine/remote.ts'
import { spawnEngine } from '../engine/spawn.ts'
import type { Logger } from '../ports/system.ts'
import { Telemetry } from '../telemetry/telemetry.ts'
import { BUILD } from '../version.ts'
import type { Holdfast } from './compose.ts'
import { createAlerts, createFront, loadFront } from './front.ts'

/** Everything in one process: gateway and HTTP in this thread, and the engine thread behind them. */
export async function composeEmbedded(config: Config): Promise<Holdfast> {
  const logger = createLogger({ level: config.logLevel, to: 'stdout', fields: { part: 'main' } })
  const telemetry = new Telemetry('main', systemClock)
  // The thread may have something to tell before there is anybody who passes it on.
  const built = Promise.withResolvers<Alerts>()
  const starting = startEngine(
    config,
    (kind, fields) => {
      telemetry.alerted(kind)
      void built.promise.then(({ alert }) => alert(kind, fields))
    },
    logger,
  )
  // What this thread runs is loaded while the other one opens the engines.
  const [thread, library] = await Promise.all([starting, loadFront()])
  try {
    const alerts = createAlerts(config, logger)
    built.resolve(alerts)
    const front = createFront({ config, logger, telemetry, engine: thread.engine, library })
    return {
      get url() {
        return front.url
      },
      offersSignIn: front.offersSignIn,
      start: () => front.start(),
      async stop() {
        await front.stop()
        try {
          await thread.engine.control.stop()
        } finally {
          await thread.stop()
          await alerts.stop()
        }
      },
    }
  } catch (error) {
    await thread.stop()
    throw error
  }
}

function startEngine(config: Config, alert: Alerts['alert'], logger: Logger): Promise<EngineThread> {
  const data = {
    folder: config.data,
    partitions: config.partitions ?? 1,
    logLevel: config.logLevel,
    failpoint: config.test.failpoint,
    name: `${hostname()}/${process.pid}`,
    build: BUILD,
    worker: config.worker,
    indexer: config.indexer,
    restartMs: config.engineRestartMs,
    // What the gateway's drain, which comes first, leaves of it.
    workOffMsMax: config.drainMsMax - config.gateway.drainMsMax,
  }
  return connectEngine({
    start: () => spawnEngine(data),
    clock: systemClock,
    logger,
    alert,
    restartMs: config.engineRestartMs,
  })
}
