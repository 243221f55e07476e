import { setUpKafka } from '../adapters/kafka/kafka.ts'
import { setUpMongodb } from '../adapters/mongodb/mongodb.ts'
import { setUpSearch } from '../adapters/opensearch/opensearch.ts'
import { systemClock } from '../adapters/system/clock.ts'
import { createLogger } from '../adapters/system/logger.ts'
import { systemRandom } from '../adapters/system/random.ts'
import { isSqlite } from '../config/check.ts'
import type { Config } from '../config/config.ts'
import type { SetUpStep } from '../ports/set-up.ts'
import { kafkaOptions, mongodbOptions, searchOptions } from './engines.ts'

/** Of a log that is made without saying: many workers can share it, and an installation of one does not feel them. */
const PARTITIONS = 12

/** Makes what a cluster needs in its engines, or finds it there. Rejects with a Failure that says what is in the way; may be repeated. */
export async function setUpCluster(config: Config, told: (step: SetUpStep) => Promise<void>): Promise<void> {
  const system = {
    clock: systemClock,
    random: systemRandom,
    logger: createLogger({ level: 'silent', to: 'stdout', fields: {} }),
  }
  const partitions = config.partitions ?? PARTITIONS
  const { replication, minInSync } = config.kafka
  const topics = {
    ...kafkaOptions(config),
    ...system,
    partitions,
    replication,
    minInSync,
    clientName: 'holdfast-setup',
  }
  for (const step of await setUpKafka(topics)) await told(step)
  for (const step of await setUpMongodb({ ...mongodbOptions(config), ...system, partitions })) await told(step)
  if (!isSqlite(config.search)) for (const step of await setUpSearch(searchOptions(config))) await told(step)
}
