import { engineForTests } from '../support/engines.ts'
import { mongodbBehaviour } from './mongodb-behaviour.ts'
import { openMongodbSubject } from './mongodb-subject.ts'
import { workerOnMongodb } from './mongodb-worker.ts'
import { storeConformance } from './store.ts'

const engine = await engineForTests('ferretdb-pg')

if (engine !== undefined) {
  for (const partitions of [1, 4])
    storeConformance('ferretdb-pg', partitions, (count) => openMongodbSubject(engine.url, count))
  mongodbBehaviour('ferretdb-pg', engine, { documentsMax: 100, behind: 'postgresql' })
  workerOnMongodb('ferretdb-pg', engine)
}
