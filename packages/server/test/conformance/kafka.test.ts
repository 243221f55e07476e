import { engineElsewhere, engineForTests, type TestEngine } from '../support/engines.ts'
import { openKafkaSubject } from './kafka-subject.ts'
import { logConformance } from './log.ts'

const ENGINES: Readonly<Record<string, TestEngine | undefined>> = {
  'one broker of Kafka': await engineForTests('kafka'),
  'the Kafka of HFTEST_KAFKA': engineElsewhere('kafka'),
}

for (const [name, engine] of Object.entries(ENGINES))
  if (engine !== undefined)
    for (const partitions of [1, 4]) logConformance(name, partitions, (count) => openKafkaSubject(engine.url, count))
